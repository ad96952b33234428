"""Working on purpose: few threads, a short queue, and a 503 at once for who would wait too long.

More threads than processors only take turns, so work that finds all of them busy waits here, in the order
it came. What it would wait is known from what work took lately; a caller that is told so at once can come
back or ask elsewhere, one that is told late has waited for nothing.

Laws (tests/service/shop/test_workers.py):
- at most `count` calls are at work, the others start in the order they came;
- who finds the queue full, or a wait over `max_wait_s`, is refused at once and runs nothing;
- work whose caller has gone, or was answered already because its time was over, is never started;
- whatever becomes of a call, its place is free afterwards.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from vlclip.service.http.errors import Overloaded

T = TypeVar("T")
SMOOTHING = 0.1
"""What one call counts in the mean of what calls take; some twenty calls make it."""


class Workers:
    """Runs blocking calls in `count` threads; at most `queue` wait, none for long over `max_wait_s`.

    It belongs to one event loop. Its counts may be read from anywhere.
    """

    def __init__(self, count: int, *, queue: int, max_wait_s: float) -> None:
        self.count, self.queue, self.max_wait_s = count, queue, max_wait_s
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="list")
        self._turns: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0
        """Calls at work."""
        self.done = 0
        """Calls that ended, well or not."""
        self.refused = 0
        """Calls that were answered 503."""
        self.cancelled = 0
        """Calls that waited and were never started."""
        self.service_s = 0.0
        """What a call takes, smoothed."""

    @property
    def waiting(self) -> int:
        """Calls that wait for a worker."""
        return len(self._turns)

    @property
    def wait_s(self) -> float:
        """What a call that comes now is expected to wait."""
        return self.waiting * self.service_s / self.count

    def admit(self) -> None:
        """`Overloaded` if a call that comes now would wait too long."""
        if self.in_flight < self.count:
            return
        if self.waiting >= self.queue or self.wait_s > self.max_wait_s:
            self.refused += 1
            raise Overloaded("more is asked than can be answered in time", max(1, math.ceil(self.wait_s)))

    async def run(self, request: Request, work: Callable[[], T]) -> T:
        """What `work` gives, run in a thread, with the context variables of this task.

        Errors: `Overloaded` and `ClientDisconnect`, before it is started; its own.
        """
        self.admit()
        if self.in_flight < self.count:
            self.in_flight += 1
        else:
            await self._turn(request)
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        try:
            return await loop.run_in_executor(self._threads, copy_context().run, work)
        finally:
            self.done += 1
            self.service_s += SMOOTHING * (time.perf_counter() - began - self.service_s)
            self._pass_on()

    def close(self) -> None:
        """Let the threads end, once what they work at is done."""
        self._threads.shutdown()

    async def _turn(self, request: Request) -> None:
        """Wait for a place at work, which is then this call's; afterwards see whether it is still wanted."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
            if await request.is_disconnected():  # a server says so of a request that is answered, too
                raise ClientDisconnect
        except BaseException:
            self.cancelled += 1
            if turn.done() and not turn.cancelled():
                self._pass_on()
            else:
                self._turns.remove(turn)
            raise

    def _pass_on(self) -> None:
        """Give a place at work to who waits longest, or free it."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_flight -= 1
