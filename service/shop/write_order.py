"""The order of writes that are prepared side by side, for minutes where a host of photos is slow.

Only what is stored needs an order: that in which the requests came. So a write takes a number when it begins.
When it is ready, it is stored under a lock, unless a later one has been, and patches that came meanwhile are
made again. Removals and patches happen at once.

Laws (tests/service/shop/test_write_order.py):
- in whatever order writes become ready, the store ends as if each had been done when it came;
- no removal and no patch waits for a write that is not ready;
- what is remembered of writes ends with them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

from vlclip.ingestion.pipeline.patches import ItemPatch


class WriteOrder:
    """Numbers of writes. `lock` is held while something is stored; all but `begun` need it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._numbers = count(1)
        self._awaited: Counter[str] = Counter()
        self._settled: dict[str, int] = {}
        self._stored: dict[str, int] = {}
        self._patches: dict[str, list[tuple[int, ItemPatch]]] = {}

    @contextmanager
    def begun(self, ids: Collection[str]) -> Iterator[int]:
        """The number of a write of these items, which is under way inside."""
        distinct = set(ids)
        with self.lock:
            number = self.next()
            self._awaited.update(distinct)
        try:
            yield number
        finally:
            with self.lock:
                self._awaited.subtract(distinct)
                self._awaited = +self._awaited
                self._forget()

    def next(self) -> int:
        """A number for what happens now."""
        return next(self._numbers)

    def is_late(self, item_id: str, number: int) -> bool:
        """Whether a later write, or a removal, of the item is done already."""
        return self._settled.get(item_id, 0) > number

    def is_stored_since(self, item_id: str, number: int) -> bool:
        """Whether a write of the item was stored after the moment that has this number."""
        return self._stored.get(item_id, 0) > number

    def settle(self, ids: Iterable[str], number: int) -> None:
        """The store is as the write with this number, or a removal that takes one, wants these items."""
        self._settled.update(dict.fromkeys(filter(self._awaited.__contains__, ids), number))

    def store(self, ids: Collection[str], number: int) -> list[ItemPatch]:
        """A write of these items, under way, was stored; what is to be patched again, in order."""
        self.settle(ids, number)
        self._stored.update(dict.fromkeys(ids, self.next()))
        later = [entry for item_id in ids for entry in self._patches.get(item_id, ()) if entry[0] > number]
        return [patch for _, patch in sorted(later, key=lambda entry: entry[0])]

    def patched(self, patches: Iterable[ItemPatch]) -> None:
        """Items were patched; writes of them that are under way are older."""
        for patch in patches:
            if patch.id in self._awaited:
                self._patches.setdefault(patch.id, []).append((self.next(), patch))

    def _forget(self) -> None:
        """Drop what no write under way needs."""
        self._patches = {name: later for name, later in self._patches.items() if name in self._awaited}
        for numbers in (self._settled, self._stored):
            for name in [name for name in numbers if name not in self._awaited]:
                del numbers[name]
