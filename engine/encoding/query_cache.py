"""What was computed for a key, kept for the next who asks: the last used ones, in memory.

Laws (tests/engine/encoding/test_query_cache.py):
- it gives what computing anew would give;
- several threads that ask for the same new key at once compute it once, and all get the value or the error;
- never more than `size` are kept, and those used last; an error is not kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class QueryCache(Generic[Key, Value]):
    """Up to `size` values by key, 0 for none; safe to use from several threads.

    `misses` counts what was computed, `hits` what was not: kept, or being computed by another thread.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.hits = self.misses = 0
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._coming: dict[Key, Future[Value]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """The value of `key`, from memory or from `compute`, whose error all who wait for it get."""
        with self._lock:
            if key in self._kept:
                self.hits += 1
                self._kept.move_to_end(key)
                return self._kept[key]
            coming = self._coming.get(key)
            if coming is None:
                self.misses += 1
                mine = self._coming[key] = Future[Value]()
            else:
                self.hits += 1
        if coming is not None:
            return coming.result()
        try:
            value = compute()
        except BaseException as error:
            self._finish(key)
            mine.set_exception(error)
            raise
        self._finish(key, value)
        mine.set_result(value)
        return value

    def _finish(self, key: Key, *values: Value) -> None:
        with self._lock:
            del self._coming[key]
            for value in values[: self._size]:
                self._kept[key] = value
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
