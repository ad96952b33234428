"""The way in and out of every request: its id, the rules it must meet, the headers that every answer carries.

The rules are asked in their order, the first refusal is the answer. All is done in one pass, since each layer
of middleware that reads headers and adds some costs a list more than its diversity.

Laws (tests/service/access/test_passage.py, test_limits.py, test_headers.py):
- a request meets the rules in their order, and none after the first that refuses it;
- what a rule adds to the answer is in it once, whatever answers;
- every exception inside becomes a problem with the request's id, and a log line with the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.service.access.headers import closed
from vlclip.service.access.request_id import HEADER, current, id_for
from vlclip.service.access.visit import Rule, Visit
from vlclip.service.http.problems import problem
from vlclip.service.http.routing import route_of

log = logging.getLogger("vlclip.api")
_VISIT = "visit"
"""The name in `request.state`."""


class Passage:
    """Gives each request its id, lets it in by `rules`, and completes its answer."""

    def __init__(self, app: ASGIApp, rules: Sequence[Rule]) -> None:
        self.app, self._checks = app, [rule.check for rule in rules]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit, started = Visit(scope), False
        request_id = id_for(visit.header(HEADER))
        named = (HEADER, request_id.encode())
        scope.setdefault("state", {}).update({"request_id": request_id, _VISIT: visit})

        async def send_complete(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = closed([*message.get("headers", ()), *visit.added, named])
            await send(message)

        token = current.set(request_id)
        try:
            for check in self._checks:
                if (refusal := check(visit)) is not None:
                    await refusal(scope, receive, send_complete)
                    return
            await self.app(scope, receive, send_complete)
        except Exception:
            if started:  # too late for another answer; the server breaks the connection off
                raise
            log.exception("%s %s failed", scope["method"], route_of(scope))  # a path may hold a user
            answer = problem(scope, 500, "internal", "something broke here; the log has the request id")
            await answer(scope, receive, send_complete)
        finally:
            current.reset(token)
            scope["state"].pop(_VISIT, None)  # they hold each other, and would wait for the garbage collector


class Rules:
    """Further rules of a `Passage`, behind a middleware that has to see what they refuse."""

    def __init__(self, app: ASGIApp, rules: Sequence[Rule]) -> None:
        self.app, self._checks = app, [rule.check for rule in rules]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http":
            for check in self._checks:
                if (refusal := check(scope["state"][_VISIT])) is not None:
                    await refusal(scope, receive, send)
                    return
        await self.app(scope, receive, send)
