"""What can go wrong in the engine. Every message says what to do next.

    VlclipError                 root of every error this project raises on purpose
    └── EngineError
        ├── DiskFull            a file found no room on its disk
        ├── SettingsError       a setting is missing, misspelt or out of range
        ├── TableError          a file of rows cannot be read
        ├── ItemError           a product breaks a rule of `Item`
        ├── SpaceError          vectors, weights or segment names do not fit the fused space
        ├── FilterError         a filter names a field or operator that does not exist
        ├── EncoderError        a model cannot be found, loaded or run
        ├── MissingExtra        a package is needed that is an extra and is not installed
        ├── TrainingError       a training configuration or checkpoint cannot be used
        ├── PhotoError          one photo cannot be read or decoded
        │   └── PhotosBusy          other photos take all the memory for decoding; try again later
        ├── RefinementError     texts cannot be refined with these settings
        │   └── BudgetSpent         the token budget of this run is used up; run again to go on
        └── StoreError          the vector store
            ├── StoreNotFound       nothing has been ingested there yet
            ├── StoreLocked         another process holds the embedded store
            ├── StoreUnavailable    the server does not answer or refuses the key
            ├── StoreFull           the disk has no room left
            ├── StoreDamaged        the files on disk are not a store this version can read
            ├── FingerprintMismatch the vectors there were made by another encoder
            └── InvalidVector       a vector holds NaN or infinity or has the wrong size

`code` is stable and goes to machines (problem+json, `--json`); the message goes to people.
"""

from __future__ import annotations


class VlclipError(Exception):
    """Root of every error raised on purpose; `code` is stable across versions."""

    code = "error"


class EngineError(VlclipError):
    """Something in items, models or the store."""

    code = "engine-error"


class DiskFull(EngineError):
    """A file found no room on its disk."""

    code = "disk-full"


class SettingsError(EngineError):
    """A setting is missing, misspelt or out of range."""

    code = "bad-setting"


class TableError(EngineError):
    """A file of rows cannot be read."""

    code = "bad-file"


class ItemError(EngineError):
    """A product breaks a rule of `Item`."""

    code = "bad-item"


class SpaceError(EngineError):
    """Vectors, weights or segment names do not fit the fused space."""

    code = "bad-query"


class FilterError(EngineError):
    """A filter names a field or operator that does not exist."""

    code = "bad-filter"


class EncoderError(EngineError):
    """A model cannot be found, loaded or run."""

    code = "encoder-error"


class MissingExtra(EngineError):
    """A package is needed that is an extra and is not installed."""

    code = "missing-extra"


class TrainingError(EngineError):
    """A training configuration or checkpoint cannot be used."""

    code = "training-error"


class PhotoError(EngineError):
    """One photo cannot be read or decoded."""

    code = "bad-photo"


class PhotosBusy(PhotoError):
    """Other photos take all the memory for decoding; try again later."""

    code = "photos-busy"


class RefinementError(EngineError):
    """Texts cannot be refined with these settings."""

    code = "refinement-error"


class BudgetSpent(RefinementError):
    """The token budget of this run is used up; finished texts are cached, run again to go on."""

    code = "budget-spent"


class StoreError(EngineError):
    """Something in the vector store."""

    code = "store-error"


class StoreNotFound(StoreError):
    """Nothing has been ingested there yet."""

    code = "store-not-found"


class StoreLocked(StoreError):
    """Another process holds the embedded store."""

    code = "store-locked"


class StoreUnavailable(StoreError):
    """The server does not answer or refuses the key."""

    code = "store-unavailable"


class StoreFull(StoreError):
    """The disk has no room left."""

    code = "store-full"


class StoreDamaged(StoreError):
    """The files on disk are not a store this version can read."""

    code = "store-damaged"


class FingerprintMismatch(StoreError):
    """The vectors there were made by another encoder."""

    code = "fingerprint-mismatch"


class InvalidVector(StoreError):
    """A vector holds NaN or infinity or has the wrong size."""

    code = "invalid-vector"
