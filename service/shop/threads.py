"""Threads that do blocking work for an event loop.

As `loop.run_in_executor` over a `ThreadPoolExecutor`, with a third of its steps: one future instead of two,
no locks of its own, and one wake of the loop for all that has ended meanwhile.

Laws (tests/service/shop/test_threads.py):
- each call's result or error comes to the caller who waits for it, with the context variables of its task;
- a call whose caller has stopped waiting before a thread took it is not made;
- nothing is kept of a call that has ended; `close` lets calls end that have begun.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Call(NamedTuple):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    context: Context
    work: Callable[[], Any]


class Threads:
    """At most `count` threads, each begun when it is first needed; for one event loop at a time."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0
        self._ended: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._told: asyncio.AbstractEventLoop | None = None

    async def call(self, work: Callable[[], T]) -> T:
        """The result of `work`, or its error."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._open += 1
        if self._open > len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
            self._threads[-1].start()
        self._calls.put(_Call(loop, future, copy_context(), work))
        return await future

    def close(self) -> None:
        """End the threads after what they were given; waits for them."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self._do(call)
            del call  # or the last call would be kept until the next one

    def _do(self, call: _Call) -> None:
        loop, future, context, work = call
        result, error = None, None
        if not future.cancelled():
            try:
                result = context.run(work)
            except BaseException as raised:  # noqa: BLE001 - its caller gets it
                error = raised
        self._ended.append((future, result, error))
        if self._told is not loop:
            self._told = loop
            try:
                loop.call_soon_threadsafe(self._tell)
            except RuntimeError:  # the loop is closed, so nobody waits any more
                self._told = None

    def _tell(self) -> None:
        """On the loop: hand over what has ended."""
        self._told = None
        while self._ended:
            future, result, error = self._ended.popleft()
            self._open -= 1
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
