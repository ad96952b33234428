"""A cache of items' vectors: reading a vector from a store takes longer than all that is done with it.

Laws (tests/ranking/lists/test_vectors.py):
- a vector is the one that the store holds, or held at most `FRESH_S` ago; items not in the store are absent;
- within that time an item is read once;
- at most `most` vectors are cached.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from vlclip.engine.space import Floats
from vlclip.engine.store.store import Store

FRESH_S = 30.0
"""How long a vector may be used after it was read. Rankings and results are always read anew."""


class Vectors:
    """At most `most` of a store's fused vectors in memory; safe to use from several threads."""

    def __init__(self, store: Store, clock: Callable[[], float], most: int) -> None:
        self._store, self._clock, self._most = store, clock, most
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, tuple[float, Floats]] = OrderedDict()

    def get(self, ids: Sequence[str]) -> dict[str, Floats]:
        """The vectors `(size,)` of those items that are in the store, in the order of `ids`."""
        now = self._clock()
        with self._lock:
            cached = {item_id: self._cache[item_id] for item_id in ids if item_id in self._cache}
        fresh = {
            item_id: vector for item_id, (read_at, vector) in cached.items() if 0 <= now - read_at < FRESH_S
        }
        missing = [item_id for item_id in dict.fromkeys(ids) if item_id not in fresh]
        if missing:
            records = self._store.retrieve(missing, fields=(), with_vector=True)
            read = {
                item_id: record.vector for item_id, record in records.items() if record.vector is not None
            }
            fresh |= read
            with self._lock:
                for item_id, vector in read.items():
                    self._cache[item_id] = now, vector
                    self._cache.move_to_end(item_id)
                while len(self._cache) > self._most:
                    self._cache.popitem(last=False)
        return {item_id: fresh[item_id] for item_id in ids if item_id in fresh}
