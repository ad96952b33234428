"""The id of a request: in its answer, in every log line, in every error.

Laws (tests/service/access/test_limits.py):
- every answer carries `X-Request-Id`: the caller's own where it is well formed, else a new one.
"""

from __future__ import annotations

import re
from contextvars import ContextVar

from vlclip.service.http.ids import new_id

HEADER = b"x-request-id"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
current: ContextVar[str] = ContextVar("request_id", default="-")


def id_for(sent: str) -> str:
    """The id of a request whose caller sent this one, "" for none."""
    return sent if sent and _SANE.fullmatch(sent) else new_id()


def request_id() -> str:
    """The id of the request under way; "-" outside of one."""
    return current.get()
