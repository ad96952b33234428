"""Names the route of a request by its template, and refuses paths that only seem to fit one.

A route such as `DELETE /v1/users/{user:path}` takes names with slashes. So a path that somebody guesses,
`DELETE /v1/users/anna/events`, would be a name as well, of a user who does not exist.

Laws (tests/service/http/test_routing.py):
- a route that changes something takes a name just where each slash of it is written `%2F`, and no empty one;
- what it refuses is a 404 that names the route which fits, and changes nothing;
- a request for a plain route is answered the same by its router and past it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

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


class PastRouter:
    """The innermost middleware: it takes requests for plain routes straight to these.

    What the frameworks' routers do for a request takes them a third of what a list from memory takes. Errors
    go to the same handlers.
    """

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self.app, self._api = app, api
        self._routes: list[PlainRoute] = []
        self._answer: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            answer = self._answer or self._begin()
            for route in self._routes:
                match, more = route.matches(scope)
                if match is Match.FULL:
                    scope.update(more)
                    await answer(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    def _begin(self) -> ASGIApp:
        """At the first request all routes and handlers are there."""
        self._routes = [route for route in self._api.routes if isinstance(route, PlainRoute)]
        handlers = {of: handle for of, handle in self._api.exception_handlers.items() if of is not Exception}

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await scope["route"].app(scope, receive, send)

        self._answer = ExceptionMiddleware(answer, handlers)
        return self._answer


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
