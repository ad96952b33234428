"""Items as they were last read, up to a number of bytes; the least recently used ones go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from vlclip.engine.space import Floats
from vlclip.engine.store.backend import PointKey
from vlclip.engine.store.cache.fields import JsonFields

OVERHEAD_BYTES = 700
"""What Python's objects of an item take beside its JSON and its vector."""


class CachedItem:
    """A stored item: `json` and `aside` are its payload (`JsonFields`), `key` is its point's in scores.

    `lacks` are its segments without a vector. `read` gives its vector `(size,)`, at first out of the engine's
    answer: of many items nobody needs it.
    """

    __slots__ = ("_from_engine", "_vector", "aside", "id", "json", "key", "lacks", "size_bytes")

    def __init__(
        self,
        item_id: str,
        key: PointKey,
        read: Callable[[], Floats],
        json: bytes,
        aside: bytes = b"",
        lacks: tuple[str, ...] = (),
        vector_bytes: int = 0,
    ) -> None:
        self.id, self.json, self.aside, self.lacks, self.key = item_id, json, aside, lacks, key
        self._from_engine: Callable[[], Floats] | None = read
        self._vector: Floats | None = None
        self.size_bytes = len(json) + len(aside) + vector_bytes + OVERHEAD_BYTES
        """About what it takes in memory."""

    def fields(self, names: tuple[str, ...] | None) -> JsonFields | dict[str, Any]:
        """Its payload, or these fields of it."""
        whole = JsonFields(self.json, self.aside)
        return whole if names is None else {name: whole[name] for name in names if name in whole}

    def read(self) -> Floats:
        """Its vector; safe to call from several threads."""
        from_engine, vector = self._from_engine, self._vector  # in this order: one of them is there
        if vector is None:
            assert from_engine is not None  # noqa: S101
            vector = self._vector = from_engine()
            self._from_engine = None
        return vector


class CachedItems:
    """At most `most_bytes` of items. Its owner takes care that one thread at a time is in it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._by_id: OrderedDict[str, CachedItem] = OrderedDict()
        self._by_key: dict[PointKey, CachedItem] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, item_id: str) -> CachedItem | None:
        """The item of this id."""
        item = self._by_id.get(item_id)
        if item is not None:
            self._by_id.move_to_end(item_id)
        return item

    def of_point(self, key: PointKey) -> CachedItem | None:
        """The item of this point."""
        item = self._by_key.get(key)
        if item is not None:
            self._by_id.move_to_end(item.id)
        return item

    def add(self, items: Iterable[CachedItem]) -> None:
        """Take items in, and let go of those that were not asked for longest."""
        for item in items:
            self.drop(item.id)
            self._by_id[item.id] = self._by_key[item.key] = item
            self.size_bytes += item.size_bytes
        while self.size_bytes > self._most_bytes:
            self.drop(next(iter(self._by_id)))

    def drop(self, item_id: str) -> None:
        """Forget an item, if it is there."""
        item = self._by_id.pop(item_id, None)
        if item is not None:
            del self._by_key[item.key]
            self.size_bytes -= item.size_bytes
