"""The errors of the service, and the HTTP status of every error, those of the other packages included.

VlclipError
└── ServiceError
    ├── BadRequest    the request cannot be read
    ├── Forbidden     the caller's key does not allow it
    ├── TooLarge      the request is larger than allowed
    ├── NotReady      the models are still being loaded
    ├── Busy          too much waits to be written
    ├── Overloaded    there are more requests than can be answered in time
    ├── RefusedItem   an item of a write could not be embedded
    ├── WouldDrop     a write would drop what the stored item has
    ├── ServiceFailed a service that is fed cannot be reached, or refuses
    ├── KeyFileError  the file of API keys cannot be read or written
    ├── NoKeys        others might reach a service that has no API keys
    ├── CannotListen  the service cannot listen on its address
    └── UnknownKey    no API key has this id
"""

from __future__ import annotations

from collections.abc import Sequence

from vlclip.engine.errors import VlclipError


class ServiceError(VlclipError):
    """Something failed in the service."""

    code = "service-error"


class BadRequest(ServiceError):
    """The request cannot be read."""

    code = "bad-request"


class Forbidden(ServiceError):
    """The caller's key does not allow it."""

    code = "forbidden"


class TooLarge(ServiceError):
    """The request is larger than allowed."""

    code = "too-large"


class NotReady(ServiceError):
    """The models are still being loaded."""

    code = "not-ready"


class Busy(ServiceError):
    """Too much waits to be written."""

    code = "busy"


class Overloaded(ServiceError):
    """More requests come than can be answered in time; `retry_after_s` is when there may be room again."""

    code = "overloaded"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedItem(ServiceError):
    """An item of a write could not be embedded."""

    code = "refused-item"


class WouldDrop(ServiceError):
    """A write would drop `fields` of the stored item."""

    code = "would-drop"

    def __init__(self, message: str, fields: Sequence[str]) -> None:
        super().__init__(message)
        self.fields = list(fields)


class ServiceFailed(ServiceError):
    """A service that is fed cannot be reached, or refuses."""

    code = "service-failed"


class KeyFileError(ServiceError):
    """The file of API keys cannot be read or written."""

    code = "bad-key-file"


class NoKeys(ServiceError):
    """Others might reach a service that has no API keys."""

    code = "no-keys"


class CannotListen(ServiceError):
    """The service cannot listen on its address."""

    code = "cannot-listen"


class UnknownKey(ServiceError):
    """No API key has this id."""

    code = "unknown-key"


STATUS = {
    "bad-request": 400,
    "bad-query": 400,
    "bad-filter": 400,
    "bad-page": 400,
    "empty-query": 400,
    "bad-photo": 422,
    "photos-busy": 503,
    "bad-item": 422,
    "refused-item": 422,
    "forbidden": 403,
    "unknown-item": 404,
    "would-drop": 409,
    "too-large": 413,
    "fingerprint-mismatch": 409,
    "store-full": 507,
    "disk-full": 507,
    "store-locked": 503,
    "store-unavailable": 503,
    "not-ready": 503,
    "busy": 503,
    "overloaded": 503,
    "bad-event": 422,
    "history-error": 503,
    "history-damaged": 503,
}
"""HTTP status by error code; every other error of vlclip is 500."""
