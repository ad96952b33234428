"""Calls of one function from many threads, made together: what several want at a time is one batch.

Batches form by themselves. Who comes while nothing runs goes at once, alone. Who comes while a batch runs
waits, and those who waited are the next batch: the busier it is, the larger the batches. Only such a batch
may wait a little longer, for those whom the one before has just answered and who come again. The work is
done by the threads that want it: the first of a batch does it for all, so a call that is alone costs no
change of threads.

Laws (tests/engine/encoding/test_batching.py):
- every caller gets what the function gives for what it asked, in whatever batch;
- one batch at a time runs, none larger than the limit, first come, first served;
- if a batch fails every caller of it gets the error, and the next batch runs.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

Asked = TypeVar("Asked")
Given = TypeVar("Given")

OnBatch = Callable[[int, float], None]
"""Told of every batch: how many were in it, and the seconds it took."""


class _Call(Generic[Asked, Given]):
    """One thread's call: `turn` is let go when it is answered, or when it is to lead the next batch."""

    __slots__ = ("asked", "error", "given", "leads", "turn")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.given: Given | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Batcher(Generic[Asked, Given]):
    """`work` on many things at a time, called for one; safe to use from several threads.

    A batch of those who waited, if it is not full, waits another `wait_s` for more. `batches` and `items`
    count what was done.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Sequence[Given]],
        *,
        limit: int,
        wait_s: float = 0.0,
        on_batch: OnBatch | None = None,
    ) -> None:
        self._work, self._limit, self._wait_s = work, limit, wait_s
        self.on_batch = on_batch
        self.batches = self.items = 0
        self._waiting: deque[_Call[Asked, Given]] = deque()
        self._lock = threading.Lock()
        self._is_busy = False

    def __call__(self, asked: Asked) -> Given:
        """What `work` gives for this one; raises what it raised for the batch this one was in."""
        call = _Call[Asked, Given](asked)
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
        return cast("Given", call.given)

    def _lead(self, first: _Call[Asked, Given], wait_s: float) -> None:
        """Work for `first`, this thread's own, and for those who wait; then let the next of them lead."""
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

    def _answer(self, batch: Sequence[_Call[Asked, Given]]) -> None:
        began = time.perf_counter()
        try:
            for call, given in zip(batch, self._work([call.asked for call in batch]), strict=True):
                call.given = given
        except BaseException as error:  # noqa: BLE001 - it is raised again, in every thread of the batch
            for call in batch:
                call.error = error
        self.batches += 1
        self.items += len(batch)
        if self.on_batch is not None:
            self.on_batch(len(batch), time.perf_counter() - began)
