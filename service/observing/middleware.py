"""Every request as it was served, told to whoever wants to know: metrics, the access log, traces.

The outermost middleware. What it tells is told after the answer is out, so no caller waits for it.

Laws (tests/service/observing/test_middleware.py):
- every request is told once, with its route's template and never its path, whatever became of it;
- a list is shown once its answer begins, unless that is another (a 504, an error) or its caller has gone;
- the time is until the last byte of the answer was handed over, not until work that was late has ended;
- an observer that breaks is logged and breaks nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.service.access.auth import Caller
from vlclip.service.http.routing import route_of
from vlclip.service.shop.stages import Stages, current

log = logging.getLogger("vlclip.api")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
GONE = 499
"""The status of a request whose caller left before there was an answer (nginx's number for it)."""


@dataclass(frozen=True, slots=True)
class Served:
    """One request and what became of it.

    `began` and `ended` are seconds of `time.perf_counter`, as in `stages`; `time_ns` is when it began, in
    nanoseconds since 1970. `caller` is the id of the key that asked, never the key; "" without one.
    """

    method: str
    route: str
    status: int
    time_ns: int
    began: float
    ended: float
    request_id: str
    caller: str
    stages: Stages
    headers: Sequence[tuple[bytes, bytes]]

    @property
    def seconds(self) -> float:
        """How long the answer took."""
        return self.ended - self.began


Observer = Callable[[Served], None]


class Watch:
    """Tells `observers` of every request."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer]) -> None:
        self.app, self._observers = app, observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and tell of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        time_ns, began, ended, status, gone = time.time_ns(), perf_counter(), 0.0, 0, False
        stages = Stages()

        async def received() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or (message["type"] == "http.disconnect" and not status)
            return message

        async def sent(message: Message) -> None:
            nonlocal ended, status
            if message["type"] == "http.response.start":
                # now, so that nothing its reader does next can come before it
                if (
                    stages.show is not None
                    and message["status"] == 200
                    and not await Request(scope, received).is_disconnected()
                ):
                    stages.show()
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended = perf_counter()

        token = current.set(stages)
        try:
            await self.app(scope, received, sent)
        finally:
            current.reset(token)
            served = Served(
                scope["method"] if scope["method"] in METHODS else "other",
                route_of(scope),
                GONE if gone else status or 500,
                time_ns,
                began,
                ended or perf_counter(),
                scope.get("state", {}).get("request_id", ""),
                caller_of(scope),
                stages,
                scope["headers"],
            )
            for observe in self._observers:
                try:
                    observe(served)
                except Exception:
                    log.exception("a request could not be counted, logged or traced")


def caller_of(scope: Scope) -> str:
    """The id of the key a request was sent with."""
    user = scope.get("user")
    return user.key.id if isinstance(user, Caller) else ""
