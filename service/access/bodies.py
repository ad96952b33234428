"""Limits on what a request sends: how long its address and headers are, how large and how slow its body.

Pure ASGI middleware: nothing here buffers a body.

Laws (tests/service/access/test_bodies.py):
- no more of a body is read than its limit, whether its length is announced or not;
- the bodies that are held at a time have a limit together, and what ends gives its bytes back;
- a body that comes slower than `SLOWEST` bytes a second, after `GRACE_S`, is refused, and no other is.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.service.access.visit import Visit
from vlclip.service.http.problems import RETRY_AFTER_S, problem

MAX_PATH_BYTES, MAX_QUERY_BYTES, MAX_HEADER_BYTES = 8_192, 32_768, 65_536
PAGE_BYTES = 65_536
"""The limit of a form of the page without a photo."""
SLOWEST, GRACE_S = 10_000, 20.0
"""Bytes a second that a body must come with, after the first seconds."""
_BARE = ("GET", "HEAD")
"""Methods whose requests have no body unless a header says so."""


class HeadLimit:
    """Refuses addresses (414) and headers (431) that are too long."""

    def check(self, visit: Visit) -> Response | None:
        """The refusal of a request, if it is refused."""
        refusal = _too_long(visit.scope)
        return None if refusal is None else problem(visit.scope, *refusal)


def _too_long(scope: Scope) -> tuple[int, str, str] | None:
    if len(scope.get("raw_path") or b"") > MAX_PATH_BYTES:
        return 414, "uri-too-long", f"the path has over {MAX_PATH_BYTES:,} bytes"
    if len(scope.get("query_string") or b"") > MAX_QUERY_BYTES:
        return (
            414,
            "uri-too-long",
            (f"the query has over {MAX_QUERY_BYTES:,} bytes; ask for less, or search by POST"),
        )
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    if size > MAX_HEADER_BYTES:
        return 431, "headers-too-large", f"the headers have over {MAX_HEADER_BYTES:,} bytes together"
    return None


@dataclass(frozen=True, slots=True)
class BodySizes:
    """The most bytes of a body: one that carries photos, a batch without them, any other; all at a time."""

    photos: int
    batch: int
    other: int
    together: int

    def of(self, scope: Scope) -> int:
        """The limit of the body of a request."""
        method, path = scope["method"], scope["path"]
        if path.startswith("/v1/items"):
            has_none = method == "PATCH" or path.endswith((":compare", ":delete"))
            return min(self.batch, self.photos) if has_none else self.photos
        if path in ("/v1/search", "/page/photo"):
            media_type = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
            if media_type == "multipart/form-data":
                return self.photos
        if path.startswith("/page/"):
            return PAGE_BYTES
        return min(self.other, self.photos)


class BodyLimit:
    """Answers 413 to bodies larger than allowed, counted as they come; 408 to slow ones, 503 to too many.

    Starlette's own limit is not used, because it answers text/plain where a length is announced.
    """

    def __init__(self, app: ASGIApp, sizes: BodySizes) -> None:
        self.app, self._sizes = app, sizes
        self._together = max(sizes.together, sizes.photos)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, reading no more of it than allowed."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced, is_sent = b"", scope["method"] not in _BARE
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced, is_sent = value, True
            elif name == b"transfer-encoding":
                is_sent = True
        if not is_sent:
            await self.app(scope, receive, send)
            return
        limit = self._sizes.of(scope)
        detail = f"the body is larger than {limit:,} bytes"
        if announced.isdigit() and int(announced[:20]) > limit:
            await problem(scope, 413, "too-large", detail)(scope, receive, send)
            return
        read, waited_s, is_whole = 0, 0.0, False

        async def counted() -> Message:
            nonlocal read, waited_s, is_whole
            if is_whole:
                return await receive()
            began = time.monotonic()
            try:
                async with asyncio.timeout(GRACE_S + read / SLOWEST - waited_s):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"the body came slower than {SLOWEST:,} bytes a second") from None
            waited_s += time.monotonic() - began
            size = len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            read += size
            self._held += size
            if read > limit:
                raise HTTPException(413, detail)  # FastAPI lets no other error through from a body
            if self._held > self._together:
                raise HTTPException(
                    503, "more is being sent than can be held at once; send it again in a moment",
                    {"Retry-After": str(RETRY_AFTER_S)},
                )  # fmt: skip
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self._held -= read
