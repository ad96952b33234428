"""What a store remembers, as a store of its own: it never waits for the engine.

A list of what is remembered takes a tenth of a millisecond, less than handing it over to a thread does.

Laws (tests/engine/store/test_cache.py):
- what it answers is what the store answers; whatever else would be needed is `NotRemembered`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from vlclip.engine.store.cache.reading import Reading
from vlclip.engine.store.cache.store import CachedStore, record_of
from vlclip.engine.store.store import Hit, Query, Record, StoreInfo


class NotRemembered(Exception):
    """The engine has to be asked."""


class Remembered:
    """The memory of a `CachedStore`, for reading by one thread at a time."""

    def __init__(self, store: CachedStore) -> None:
        self._store = store
        self._reading: Reading | None = None

    @contextmanager
    def noting(self) -> Iterator[Reading]:
        """What is read inside."""
        reading = self._reading = Reading()
        try:
            yield reading
        finally:
            self._reading = None

    @property
    def info(self) -> StoreInfo:
        """What made the vectors."""
        return self._store.info

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """One list of hits per query."""
        hits = self._store.recall(queries, self._reading)
        if hits is None:
            raise NotRemembered
        return hits

    def retrieve(
        self, ids: Sequence[str], *, fields: tuple[str, ...] | None = None, with_vector: bool = False
    ) -> dict[str, Record]:
        """The items of `ids`; of one that is not stored nothing is remembered either."""
        items = self._store.recall_items(ids, self._reading)
        if items is None:
            raise NotRemembered
        return {item.id: record_of(item, fields, with_vector=with_vector) for item in items}

    def has_field(self, name: str) -> bool:
        """Whether items can be filtered on a field."""
        is_there = self._store.has_field(name)
        if self._reading is not None:
            self._reading.fields[name] = is_there
        return is_there

    def __getattr__(self, name: str) -> Any:
        """Everything else needs the engine."""

        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise NotRemembered

        return refuse
