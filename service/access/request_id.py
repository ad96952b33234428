"""The id of a request: in its answer, in every log line, in every error.

Laws (tests/service/access/test_limits.py):
- every answer carries `X-Request-Id`: the caller's own where it is well formed, else a new one;
- every exception inside becomes a problem with the id, and a log line with the same id.
"""

from __future__ import annotations

import logging
import re
import uuid
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.service.http.problems import problem
from vlclip.service.http.routing import route_of

log = logging.getLogger("vlclip.api")
HEADER = "x-request-id"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_current: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIds:
    """Gives each request its id and turns an exception inside into a 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent_id = Headers(scope=scope).get(HEADER, "")
        request_id = sent_id if _SANE.fullmatch(sent_id) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        token = _current.set(request_id)
        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            if started:  # too late for another answer; the server breaks the connection off
                raise
            log.exception("%s %s failed", scope["method"], route_of(scope))  # a path may hold a user
            answer = problem(scope, 500, "internal", "something broke here; the log has the request id")
            await answer(scope, receive, send_with_id)
        finally:
            _current.reset(token)


def request_id() -> str:
    """The id of the request under way; "-" outside of one."""
    return _current.get()
