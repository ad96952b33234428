"""What can go wrong between a catalogue and the store. Every message says what to do next.

    VlclipError
    └── IngestionError
        ├── CatalogueError      the catalogue cannot be read, or holds nothing to ingest
        │   └── MappingError    a field or a column named in the mapping does not exist
        └── LedgerError         the ledger's file cannot be used

    PhotoError (engine)         one photo cannot be read or decoded
    └── FetchError              one photo cannot be fetched over HTTP

In a batch `PhotoError` and `FetchError` are not raised: they become the reason of a failed item.
"""

from __future__ import annotations

from vlclip.engine.errors import PhotoError, VlclipError


class IngestionError(VlclipError):
    """Something between a catalogue and the store."""

    code = "ingestion-error"


class CatalogueError(IngestionError):
    """The catalogue cannot be read, or holds nothing to ingest."""

    code = "bad-catalogue"


class MappingError(CatalogueError):
    """A field or a column named in the mapping does not exist."""

    code = "bad-mapping"


class FetchError(PhotoError):
    """One photo cannot be fetched over HTTP."""

    code = "photo-not-fetched"


class LedgerError(IngestionError):
    """The ledger's file cannot be used."""

    code = "ledger-error"
