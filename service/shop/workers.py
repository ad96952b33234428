"""Workers for lists: few threads and a short queue; a request that would wait too long gets 503 at once.

More threads than processors would only take turns, so work that finds all of them busy waits here, in the
order it came. Its wait is estimated from how long recent work took. A caller who is refused at once can come
back or ask elsewhere; one who is refused late has waited for nothing.

Writes have workers of their own (`Pools`), since they wait for photos of others.

Laws (tests/service/shop/test_workers.py):
- at most `count` calls are at work, the others start in the order they came;
- between so many calls on the loop itself, the loop does what else there is to do;
- a call that finds the queue full, or a wait over `max_wait_s`, is refused at once and runs nothing;
- work is never started once its caller has left or has been answered 504;
- however a call ends, its place is free afterwards.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from vlclip.service.http.errors import Overloaded
from vlclip.service.http.presence import has_left
from vlclip.service.settings import Api
from vlclip.service.shop.threads import Threads

T = TypeVar("T")
SMOOTHING = 0.1
"""The weight of one call in the moving mean of their times; about twenty calls determine it."""
CHANGERS = 2
"""Threads that patch and remove items, which wait for nobody outside."""


class Workers:
    """Runs blocking calls in `count` threads; at most `queue` wait, none for long over `max_wait_s`.

    It belongs to one event loop. Its counts may be read from anywhere.
    """

    def __init__(self, count: int, *, queue: int, max_wait_s: float, name: str = "list") -> None:
        self.count, self.queue, self.max_wait_s = count, queue, max_wait_s
        self._threads = Threads(count, name)
        self._turns: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0
        """Calls that run now."""
        self.ended = 0
        """Calls that ended, well or not."""
        self.refused = 0
        """Calls that were answered 503."""
        self.cancelled = 0
        """Calls that waited and were never started."""
        self.service_s = 0.0
        """Seconds that a call takes, a moving mean."""

    @property
    def waiting(self) -> int:
        """Calls that wait for a worker."""
        return len(self._turns)

    @property
    def wait_s(self) -> float:
        """Seconds that a call which comes now is expected to wait."""
        return self.waiting * self.service_s / self.count

    def admit(self) -> None:
        """`Overloaded` if a call that comes now would wait too long."""
        if self.in_flight < self.count:
            return
        if self.waiting >= self.queue or self.wait_s > self.max_wait_s:
            self.refused += 1
            raise Overloaded(
                "there are more requests than can be answered in time", max(1, math.ceil(self.wait_s))
            )

    async def run(
        self,
        request: Request,
        work: Callable[[], T],
        *,
        first: Callable[[], object] | None = None,
        on_loop: bool = False,
    ) -> T:
        """The result of `work`, run in a thread with the context variables of this task.

        With `on_loop` the event loop itself does it: for work of a few milliseconds that waits for nobody.
        What holds Python's lock all the time would only trade it, and the processors' caches, with the loop.
        What is to be done `first` has a thread in any case.

        Errors: `Overloaded` and `ClientDisconnect`, before it is started, and those of `work`.
        """
        self.admit()
        if self.in_flight < self.count:
            self.in_flight += 1
        else:
            await self._turn(request)
        began = time.perf_counter()
        try:
            if first is not None:
                await self._threads.call(first)
            return work() if on_loop else await self._threads.call(work)
        finally:
            if on_loop:  # the loop looks at its sockets and timers before it goes on
                asyncio.get_running_loop().call_soon(self._end, began)
            else:
                self._end(began)

    def close(self) -> None:
        """Let the threads end after their current calls."""
        self._threads.close()

    async def _turn(self, request: Request) -> None:
        """Wait until a worker is free for this call, then check that its caller is still there."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
            if has_left(request.receive):  # servers also say so once a request is answered
                raise ClientDisconnect
        except BaseException:
            self.cancelled += 1
            if turn.done() and not turn.cancelled():
                self._pass_on()
            else:
                self._turns.remove(turn)
            raise

    def _end(self, began: float) -> None:
        self.ended += 1
        self.service_s += SMOOTHING * (time.perf_counter() - began - self.service_s)
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the free worker to the call that waits longest, or to none."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_flight -= 1


class Pools:
    """The threads of a service: for lists, for writes that fetch photos, for changes that fetch nothing.

    Each has a bounded queue. All else (health, reads of items and histories) has threads of the server's own,
    so whatever waits for photos keeps nobody else waiting.
    """

    def __init__(self, api: Api) -> None:
        self.lists = Workers(api.workers, queue=api.queue, max_wait_s=api.max_wait_s)
        self.writes = Workers(
            api.write_workers, queue=api.write_queue, max_wait_s=api.write_timeout_s, name="write"
        )
        self.changes = Workers(CHANGERS, queue=api.queue, max_wait_s=api.timeout_s, name="change")

    def close(self) -> None:
        """Let all threads end after their current calls."""
        for workers in (self.lists, self.writes, self.changes):
            workers.close()
