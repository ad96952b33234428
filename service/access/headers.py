"""Headers that every answer carries, so that no browser takes one for more than it is.

Law (tests/service/access/test_headers.py):
- whatever answers, a route, an error or another middleware, a browser runs nothing of it, shows it in no
  frame, guesses no type and sends its address to nobody; a page sets its own, wider ones.
"""

from __future__ import annotations

from collections.abc import Sequence

CLOSED = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_RAW = [(name.lower().encode(), value.encode()) for name, value in CLOSED.items()]


def closed(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers, and those of `CLOSED` that have none of their name there."""
    names = {name for name, _ in headers}
    return [*headers, *(pair for pair in _RAW if pair[0] not in names)]
