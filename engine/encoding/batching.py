"""Calls of one function from many threads, joined into batches.

Batches form by themselves. A call that comes while nothing runs goes at once, alone. A call that comes
while a batch runs waits; all that waited are the next batch, so batches grow with the load. Only such a
batch may wait a little longer, for callers that the batch before has just answered and that come again. The
first thread of a batch does the work for all of it, so a call that is alone costs no change of threads.

Laws (tests/engine/encoding/test_batching.py):
- every caller gets what the function gives for its argument, in whatever batch;
- one batch runs at a time, none is larger than the limit, and calls are served in the order they came;
- if a batch fails, every caller in it gets the error, and the next batch runs.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

Argument = TypeVar("Argument")
Result = TypeVar("Result")

OnBatch = Callable[[int, float], None]
"""Called after every batch with the number of calls in it and the seconds it took."""


class _Call(Generic[Argument, Result]):
    """One thread's call: `turn` is released when it is answered, or when it has to lead the next batch."""

    __slots__ = ("argument", "error", "leads", "result", "turn")

    def __init__(self, argument: Argument) -> None:
        self.argument = argument
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Batcher(Generic[Argument, Result]):
    """`work` on many arguments at a time, called with one; safe to use from several threads.

    A batch of calls that waited waits another `wait_s` for more if it is not full. `batches` and `items`
    count batches and calls.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Argument]], Sequence[Result]],
        *,
        limit: int,
        wait_s: float = 0.0,
        on_batch: OnBatch | None = None,
    ) -> None:
        self._work, self._limit, self._wait_s = work, limit, wait_s
        self.on_batch = on_batch
        self.batches = self.items = 0
        self._waiting: deque[_Call[Argument, Result]] = deque()
        self._lock = threading.Lock()
        self._is_busy = False

    def __call__(self, argument: Argument) -> Result:
        """What `work` gives for this argument; raises what `work` raised for its batch."""
        call = _Call[Argument, Result](argument)
        with self._lock:
            if self._is_busy:
                self._waiting.append(call)
            else:
                self._is_busy = call.leads = True
        wait_s = 0.0
        if not call.leads:
            call.turn.acquire()
            wait_s = self._wait_s
        if call.leads:
            self._lead(call, wait_s)
        if call.error is not None:
            raise call.error
        return cast("Result", call.result)

    def _lead(self, first: _Call[Argument, Result], wait_s: float) -> None:
        """Answer `first`, this thread's own call, and the calls that wait; then let the next of them lead."""
        batch = [first]
        try:
            if wait_s and len(self._waiting) < self._limit - 1:
                time.sleep(wait_s)
            with self._lock:
                while self._waiting and len(batch) < self._limit:
                    batch.append(self._waiting.popleft())
            self._answer(batch)
        finally:
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                self._is_busy = following is not None
            if following is not None:
                following.leads = True
                following.turn.release()
            for call in batch[1:]:
                call.turn.release()

    def _answer(self, batch: Sequence[_Call[Argument, Result]]) -> None:
        began = time.perf_counter()
        try:
            results = self._work([call.argument for call in batch])
            for call, result in zip(batch, results, strict=True):
                call.result = result
        except BaseException as error:  # noqa: BLE001 - it is raised again, in every thread of the batch
            for call in batch:
                call.error = error
        self.batches += 1
        self.items += len(batch)
        if self.on_batch is not None:
            self.on_batch(len(batch), time.perf_counter() - began)
