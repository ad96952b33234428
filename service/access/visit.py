"""One request on its way in, and the rules that look at it before anything is done with it."""

from __future__ import annotations

from typing import Protocol

from starlette.responses import Response
from starlette.types import Scope


class Visit:
    """A request and the headers that its answer will carry, whatever the answer is.

    `state.request_id` is set.
    """

    __slots__ = ("_headers", "added", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # of a name the first counts
        self.added: list[tuple[bytes, bytes]] = []

    def header(self, name: bytes) -> str:
        """The header of this name, in small letters; "" without one."""
        value = self._headers.get(name)
        return "" if value is None else value.decode("latin-1")

    def replace_host(self, host: str) -> None:
        """Go on as if the caller had asked for this host."""
        value = host.encode("latin-1")
        others = [(name, before) for name, before in self.scope["headers"] if name != b"host"]
        self.scope["headers"] = [(b"host", value), *others]
        self._headers[b"host"] = value


class Rule(Protocol):
    """What a request must meet."""

    def check(self, visit: Visit) -> Response | None:
        """The answer that refuses the request; None where it may go on."""
