"""Vectors of items lately looked at: reading one from a store costs more than all that is done with it.

Laws (tests/ranking/lists/test_vectors.py):
- what is given is what the store holds, or held at most `KEPT_S` ago; items that are not there are absent;
- an item is read once, however often it is asked for in that time;
- no more are kept than was said.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from vlclip.engine.space import Floats
from vlclip.engine.store.store import Store

KEPT_S = 30.0
"""How long a vector may be used after it was read; what ranks and what is shown is always read anew."""


class Vectors:
    """At most `most` of a store's fused vectors in memory; safe to use from several threads."""

    def __init__(self, store: Store, clock: Callable[[], float], most: int) -> None:
        self._store, self._clock, self._most = store, clock, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Floats]] = OrderedDict()

    def get(self, ids: Sequence[str]) -> dict[str, Floats]:
        """The vectors `(size,)` of those of the items that are in the store, in the order asked for."""
        now = self._clock()
        with self._lock:
            cached = {item_id: self._kept[item_id] for item_id in ids if item_id in self._kept}
        fresh = {
            item_id: vector for item_id, (read_at, vector) in cached.items() if 0 <= now - read_at < KEPT_S
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
                    self._kept[item_id] = now, vector
                    self._kept.move_to_end(item_id)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return {item_id: fresh[item_id] for item_id in ids if item_id in fresh}
