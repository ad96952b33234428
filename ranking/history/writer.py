"""Writes in the background, so that a request never waits for a disk.

Laws (tests/ranking/history/test_writer.py):
- an item that `put` accepts is written once, in order, or it is counted in `dropped` and logged;
- every accepted item is `written`, `dropped` or `waiting`;
- an item that cannot be written is dropped at once, and no other item with it;
- `close` writes all waiting items; nothing can be put afterwards; a process that ends closes its writers.
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
"""Waits before the second, third, … try of a batch."""

log = logging.getLogger("vlclip.writer")


class Writer(Generic[T]):
    """One thread that takes up to `batch` waiting items at a time and calls `write` with them.

    `write` must store a batch as a whole or not at all, and a batch that comes twice only once. When it
    raises a `HistoryError`, it is called again after each of `waits_s`, though the batch may have been
    stored. Any other error is the fault of an item, so the two halves of the batch are written separately.
    At most `capacity` items wait. `name` says in the log what was lost. With `linger_s` it waits that long
    for more items before it writes: fewer, larger batches take less time from other threads.
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
        # a daemon, so that a process that forgets to close it can end; atexit closes it
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def written(self) -> int:
        """The number of items written."""
        return self._written

    @property
    def dropped(self) -> int:
        """The number of items given up after the last try."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """The number of items that are neither written nor dropped yet."""
        return len(self._items)

    def put(self, items: Sequence[T]) -> bool:
        """Accept all of `items`; False if they do not fit or the writer is closed, and none is accepted."""
        with self._changed:
            before = len(self._items)
            if self._closed or before + len(items) > self._capacity:
                return False
            self._items.extend(items)
            # to wake the thread for each item that lingers would cost more than the writing
            if not before or before < self._batch <= len(self._items):
                self._changed.notify_all()
        return True

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all items put before are written or dropped; False if `timeout_s` is over first."""
        with self._changed:
            goal = self._settled + len(self._items)
            self._hurried = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._settled >= goal, timeout_s)

    def close(self) -> None:
        """Write all waiting items, then stop; safe to call twice."""
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
            # a process that ends does not wait again and again for a store that is down
            waits_s = self._waits_s if written or not self._closed else ()
            written = self._try(batch, iter(waits_s))
            with self._changed:
                for _ in batch:
                    self._items.popleft()
                self._written += written
                self._dropped += len(batch) - written
                self._changed.notify_all()

    def _next(self) -> list[T]:
        """The next items, which stay in the queue until they are written; empty to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            self._changed.wait_for(
                lambda: self._hurried or self._closed or len(self._items) >= self._batch, self._linger_s
            )
            self._hurried = False
            return list(islice(self._items, self._batch))

    def _try(self, batch: list[T], waits_s: Iterator[float]) -> int:
        """Write the batch, or the items of it that can be written; the number of items written."""
        while True:
            try:
                self._write(batch)
            except HistoryError as error:
                wait_s = next(waits_s, None)
                if wait_s is None:
                    log.error("%s: %d lost: %s", self._name, len(batch), error)  # noqa: TRY400 - the message says what to do
                    return 0
                log.warning("%s: %d wait another %g s: %s", self._name, len(batch), wait_s, error)
                time.sleep(wait_s)
            except Exception as error:
                if half := len(batch) // 2:
                    return self._try(batch[:half], waits_s) + self._try(batch[half:], waits_s)
                is_ours = isinstance(error, VlclipError)
                log.error("%s: 1 lost: %s", self._name, error, exc_info=not is_ours)  # noqa: TRY400 - the message says why
                return 0
            else:
                return len(batch)
