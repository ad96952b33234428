"""Limits for one caller: requests a minute, seconds for an answer. Those of bodies are in bodies.py.

Nothing here buffers a body or an answer. Counts are kept in the memory of this process; several processes
allow that many times the rate.

Laws (tests/service/access/test_limits.py):
- in any minute no caller gets more than twice the quota, and after a pause the whole quota at once;
- a request is answered in time, or with 504 or 408; its work is never cut in half.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.service.access.auth import OPEN, Caller
from vlclip.service.access.visit import Visit
from vlclip.service.http.addresses import network_of
from vlclip.service.http.problems import problem
from vlclip.service.http.routing import route_of

log = logging.getLogger("vlclip.api")
WINDOW_S = 60.0
_SWEEP = 10_000
"""How many callers are remembered before those with a full bucket are dropped."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a request is allowed, and what its caller has left.

    `remaining` are whole requests; the bucket is full in `full_s` seconds, and the next request is allowed in
    `wait_s` seconds.
    """

    allowed: bool
    remaining: int
    full_s: float
    wait_s: float


class TokenBuckets:
    """A bucket of tokens per caller: one a request, `quota` at most, refilled evenly in a minute.

    For each bucket only the time is kept at which it will be full again. A full bucket is the same as no
    bucket, so those are dropped. `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._sweep_at = _SWEEP

    def take(self, caller: str, quota: int) -> Admission:
        """Take one token from the bucket of `caller`, if there is one."""
        now = self._clock()
        waits = max(0.0, self._full_at.get(caller, 0.0) - now)
        token_s = WINDOW_S / quota
        full_s = waits + token_s
        # tokens are 1/quota of a minute each; the sum of many such steps is off by some last bits
        if full_s > WINDOW_S + 1e-6:
            return Admission(allowed=False, remaining=0, full_s=waits, wait_s=full_s - WINDOW_S)
        self._full_at[caller] = now + full_s
        if len(self._full_at) >= self._sweep_at:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            self._sweep_at = max(_SWEEP, 2 * len(self._full_at))
        return Admission(
            allowed=True, remaining=int((WINDOW_S - full_s) / token_s + 1e-6), full_s=full_s, wait_s=0.0
        )


class RateLimit:
    """Refuses callers over their quota with 429; headers after draft-ietf-httpapi-ratelimit-headers-11.

    A caller is a key with its own quota or, without keys, an address; `per_minute` 0 is no limit.
    """

    def __init__(self, per_minute: int, buckets: TokenBuckets | None = None) -> None:
        self._per_minute = per_minute
        self._buckets = buckets or TokenBuckets()

    def check(self, visit: Visit) -> Response | None:
        """Count a request and say in its answer what is left; its refusal, if nothing is."""
        caller, quota = self._caller(visit.scope)
        if not quota:
            return None
        admission = self._buckets.take(caller, quota)
        left = f'"minute";r={admission.remaining};t={math.ceil(admission.full_s)}'
        visit.added += [
            (b"ratelimit-policy", f'"minute";q={quota};w={WINDOW_S:.0f}'.encode()),
            (b"ratelimit", left.encode()),
        ]
        if admission.allowed:
            return None
        wait = math.ceil(admission.wait_s)
        detail = f"more than {quota} requests a minute; ask again in {wait} s"
        return problem(visit.scope, 429, "too-many-requests", detail, {"Retry-After": str(wait)})

    def _caller(self, scope: Scope) -> tuple[str, int]:
        if scope["path"] in OPEN:
            return "", 0
        user = scope["user"]
        if isinstance(user, Caller):
            return f"key {user.key.id}", user.key.requests_per_minute or self._per_minute
        if not self._per_minute:
            return "", 0
        return f"address {network_of((scope.get('client') or ('',))[0])}", self._per_minute


class Timeout:
    """Answers 504 if the answer takes too long, 408 if the request itself does.

    Work in threads cannot be stopped: it goes on, its answer is dropped, and the server's end waits for
    it. So a write that was answered 504 may still have happened; writing it again is harmless.
    """

    def __init__(self, app: ASGIApp, seconds: float, write_seconds: float) -> None:
        self.app, self._seconds, self._write_seconds = app, seconds, write_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request in time."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        writes = scope["method"] in ("PUT", "POST", "PATCH") and scope["path"].startswith("/v1/items")
        seconds = self._write_seconds if writes else self._seconds
        started = reading = False
        late: asyncio.Task[None] | None = None

        def expire() -> None:
            nonlocal late
            if started:
                return
            if reading:
                answer = problem(scope, 408, "request-timeout", f"the body did not come within {seconds:g} s")
            else:
                answer = problem(scope, 504, "timeout", f"no answer within {seconds:g} s; try again")
            late = asyncio.create_task(answer(scope, receive, send))

        async def received() -> Message:
            nonlocal reading
            reading = True
            try:
                return await receive()  # the server ends this wait once the request is answered
            finally:
                reading = False

        async def sent(message: Message) -> None:
            nonlocal started
            if late is None:
                started = True
                await send(message)

        timer = asyncio.get_running_loop().call_later(seconds, expire)
        try:
            await self.app(scope, received, sent)
        except Exception as error:
            if late is None:
                raise
            log.warning(
                "%s %s was answered as late and then ended in %r", scope["method"], route_of(scope), error
            )
        finally:
            timer.cancel()
            if late is not None:
                await late
