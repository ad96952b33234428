"""Names the route of a request by its template, and refuses paths that only seem to fit one.

A route such as `DELETE /v1/users/{user:path}` takes names with slashes. So a path that somebody guesses,
`DELETE /v1/users/anna/events`, would be a name as well, of a user who does not exist.

Laws (tests/service/http/test_routing.py):
- a route that changes something takes a name just where each slash of it is written `%2F`, and no empty one;
- what it refuses is a 404 that names the route which fits, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

UNMATCHED = "unmatched"
"""The route of a path that no route fits."""
SAFE = {"GET", "HEAD", "OPTIONS"}
"""Methods that change nothing: what they do not find, they say."""


def route_of(scope: Scope) -> str:
    """The template of the route that a request came to: `/v1/items/{item_id}/similar`."""
    route: Any = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else UNMATCHED


class PlainRoute(APIRoute):
    """A route whose endpoint, `async (request, **names of the path) -> Response`, reads its request itself.

    FastAPI describes it and has no other part in it: to find out that there is nothing to inject takes it
    longer than all parameters take.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response: Response = await endpoint(Request(scope, receive, send), **scope["path_params"])
            await response(scope, receive, send)

        self.app = answer


class StrictRoute(APIRoute):
    """A route that refuses guessed paths below it, where it changes something."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the check."""
        handle = super().get_route_handler()
        if not set(self.methods or ()) - SAFE or ":path}" not in self.path:
            return handle

        async def checked(request: Request) -> Response:
            self._check(request)
            return await handle(request)

        return checked

    def _check(self, request: Request) -> None:
        scope = request.scope
        raw = bytes(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        root = str(scope.get("root_path", "")).rstrip("/")
        below = raw[len(root) :] if root and raw.startswith(root) else raw
        parts, right = below.split("/"), self.path_format.count("/") + 1
        if len(parts) == right and all(request.path_params.values()):
            return
        fitting = "/".join(parts[:right]) if all(parts[1:right]) else self.path_format
        does = (self.description or self.name).partition("\n")[0]
        raise HTTPException(
            404,
            f"there is no {request.method} {below}, and nothing was changed; {request.method} {fitting} does "
            f"this: {does} A slash that belongs to a name is written %2F.",
        )
