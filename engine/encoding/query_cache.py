"""A cache in memory of values by key: it computes a missing value and drops the least recently used.

Laws (tests/engine/encoding/test_query_cache.py):
- it gives what computing anew would give;
- several threads that need the same new key at once compute it once, and all get the value or the error;
- it holds at most `size` values, those used last; it does not hold errors.
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

    `misses` counts computed values, `hits` the others: in memory, or being computed by another thread.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.hits = self.misses = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._pending: dict[Key, Future[Value]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """The value of `key`, from memory or from `compute`, whose error reaches all who wait for it."""
        with self._lock:
            if key in self._values:
                self.hits += 1
                self._values.move_to_end(key)
                return self._values[key]
            pending = self._pending.get(key)
            if pending is None:
                self.misses += 1
                future = self._pending[key] = Future[Value]()
            else:
                self.hits += 1
        if pending is not None:
            return pending.result()
        try:
            value = compute()
        except BaseException as error:
            self._finish(key)
            future.set_exception(error)
            raise
        self._finish(key, value)
        future.set_result(value)
        return value

    def _finish(self, key: Key, *values: Value) -> None:
        with self._lock:
            del self._pending[key]
            for value in values[: self._size]:
                self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
