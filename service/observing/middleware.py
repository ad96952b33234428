"""The outermost middleware: it has lists logged, and tells observers of every request that was served.

Observers are the metrics, the access log and the traces. They are called after the answer is out, so no
caller waits for them.

Laws (tests/service/observing/test_middleware.py):
- every request is observed once, by its route's template and never by its path, whatever became of it;
- a list is logged when its answer begins with 200 and its caller is still there, and only then;
- the time is until the last byte of the answer was handed over, not until late work has ended;
- an observer that breaks is logged and breaks nothing;
- an application without this middleware outermost does not start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.ranking.experiments.exposure import Exposure
from vlclip.service.access.auth import Caller
from vlclip.service.http.presence import has_left
from vlclip.service.http.routing import route_of
from vlclip.service.shop.served_list import ServedList, expect_list, list_of
from vlclip.service.shop.stages import Stages, current

log = logging.getLogger("vlclip.api")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CALLER_LEFT = 499
"""The status of a request whose caller left before there was an answer (nginx's number for it)."""


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """One request and what became of it.

    `began` and `ended` are seconds of `time.perf_counter`, as in `stages`; `time_ns` is when it began, in
    nanoseconds since 1970. `caller` is the id of the caller's key, never the key; "" without one.
    `served_list` is the list that the request made, if any, whether its caller got it or not.
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
    served_list: ServedList | None
    headers: Sequence[tuple[bytes, bytes]]

    @property
    def seconds(self) -> float:
        """How long the answer took."""
        return self.ended - self.began


Observer = Callable[[ServedRequest], None]


class Watch:
    """Calls `observers` with every request, and `record`, which must not block, with what is to be logged."""

    def __init__(
        self, app: ASGIApp, observers: Sequence[Observer], record: Callable[[Exposure], object]
    ) -> None:
        self.app, self._observers, self._record = app, observers, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and tell the observers of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        time_ns, began, ended, status, left_early = time.time_ns(), perf_counter(), 0.0, 0, False
        stages = Stages()
        expect_list(scope)

        async def watched_receive() -> Message:
            nonlocal left_early
            message = await receive()
            left_early = left_early or (message["type"] == "http.disconnect" and not status)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal ended, status
            if message["type"] == "http.response.start":
                served_list = list_of(scope)
                # now, so that nothing its reader does next can come before it
                if (
                    served_list is not None
                    and served_list.exposure is not None
                    and message["status"] == 200
                    and not has_left(watched_receive)
                ):
                    self._record(served_list.exposure)
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended = perf_counter()

        token = current.set(stages)
        try:
            await self.app(scope, watched_receive, watched_send)
        finally:
            current.reset(token)
            served = ServedRequest(
                method=scope["method"] if scope["method"] in METHODS else "other",
                route=route_of(scope),
                status=CALLER_LEFT if left_early else status or 500,
                time_ns=time_ns,
                began=began,
                ended=ended or perf_counter(),
                request_id=scope["state"].get("request_id", ""),
                caller=caller_of(scope),
                stages=stages,
                served_list=list_of(scope),
                headers=scope["headers"],
            )
            for observe in self._observers:
                try:
                    observe(served)
                except Exception:
                    log.exception("a request could not be counted, logged or traced")


def check_watched(app: Starlette) -> None:
    """A `RuntimeError` unless `Watch` is the outermost middleware of `app`."""
    classes: list[object] = [middleware.cls for middleware in app.user_middleware]
    if classes[:1] != [Watch]:
        raise RuntimeError(
            "the outermost middleware of this application is not Watch, so its lists would not be logged; "
            "call Watching.add_to(app) after all other middleware is added"
        )


def caller_of(scope: Scope) -> str:
    """The id of the key a request was sent with; "" without one."""
    user = scope.get("user")
    return user.key.id if isinstance(user, Caller) else ""
