"""Writing in the background: a request hands over what is to be kept and never waits for a disk.

Laws (tests/ranking/history/test_writer.py):
- what `put` said yes to is written once and in the order it was put, or counted in `dropped` and logged;
- what was put is `written`, `dropped` or `waiting`;
- an item that cannot be written is lost alone, at once;
- `close` writes all that waits; nothing can be put afterwards; a process that ends closes its writers.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar

from vlclip.engine.errors import VlclipError
from vlclip.ranking.errors import HistoryError

T = TypeVar("T")
WAITS_S = (0.1, 0.5, 2.0, 5.0)
"""Before the second, third, … try of a batch."""

log = logging.getLogger("vlclip.writer")


class Writer(Generic[T]):
    """One thread that takes what waits, up to `batch` items at a time, and calls `write` with it.

    `write` has to keep a batch as a whole or not at all, and one that is written twice once: it is called
    again after each of `waits_s` when it raises a `HistoryError`, and a lost answer is no failure. Any other
    error is one of the items', so both halves of the batch are written by themselves. At most `capacity`
    items wait. `name` says in the log what was lost. With `linger_s` it waits so long for more
    before it writes: fewer, larger batches take less from the threads that answer.
    """

    def __init__(
        self,
        write: Callable[[list[T]], object],
        *,
        name: str,
        capacity: int = 10_000,
        batch: int = 500,
        waits_s: Sequence[float] = WAITS_S,
        linger_s: float = 0.0,
    ) -> None:
        self._write, self._name, self._capacity, self._batch = write, name, capacity, batch
        self._waits_s, self._linger_s = tuple(waits_s), linger_s
        self._hurried = False
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._written = self._dropped = 0
        # a daemon, so that a process that forgets to close can end; it is closed then
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def written(self) -> int:
        """Items that were written."""
        return self._written

    @property
    def dropped(self) -> int:
        """Items that were given up after the last try."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Items that were put and are neither written nor given up."""
        return len(self._items)

    def put(self, items: Sequence[T]) -> bool:
        """Take all of `items`; False, and none is taken, if they do not fit or the writer is closed."""
        with self._changed:
            before = len(self._items)
            if self._closed or before + len(items) > self._capacity:
                return False
            self._items.extend(items)
            # to wake it for each one that it lets linger would cost more than the writing
            if not before or before < self._batch <= len(self._items):
                self._changed.notify_all()
        return True

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until what was put before is written or given up; whether it was within that time."""
        with self._changed:
            goal = self._settled + len(self._items)
            self._hurried = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._settled >= goal, timeout_s)

    def close(self) -> None:
        """Write all that waits, then stop; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    @property
    def _settled(self) -> int:
        return self._written + self._dropped

    def _run(self) -> None:
        written = 1
        while batch := self._next():
            # a process that is to end does not wait again and again for a store that is away
            waits_s = self._waits_s if written or not self._closed else ()
            written = self._try(batch, iter(waits_s))
            with self._changed:
                for _ in batch:
                    self._items.popleft()
                self._written += written
                self._dropped += len(batch) - written
                self._changed.notify_all()

    def _next(self) -> list[T]:
        """The items put first, which stay in the queue until they are written; none to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            self._changed.wait_for(
                lambda: self._hurried or self._closed or len(self._items) >= self._batch, self._linger_s
            )
            self._hurried = False
            return list(islice(self._items, self._batch))

    def _try(self, batch: list[T], waits_s: Iterator[float]) -> int:
        """Write the batch, or what can be written of it; how many items that are."""
        while True:
            try:
                self._write(batch)
            except HistoryError as error:
                wait_s = next(waits_s, None)
                if wait_s is None:
                    log.error("%s: %d lost: %s", self._name, len(batch), error)  # noqa: TRY400 - it says what to do
                    return 0
                log.warning("%s: %d wait another %g s: %s", self._name, len(batch), wait_s, error)
                time.sleep(wait_s)
            except Exception as error:
                if half := len(batch) // 2:
                    return self._try(batch[:half], waits_s) + self._try(batch[half:], waits_s)
                is_ours = isinstance(error, VlclipError)
                log.error("%s: 1 lost: %s", self._name, error, exc_info=not is_ours)  # noqa: TRY400 - it says why
                return 0
            else:
                return len(batch)
