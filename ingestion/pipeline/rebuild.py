"""A collection made anew of its whole items, where files or items of it are damaged; nothing is encoded.

Laws (tests/service/diagnosis/test_deep.py, tests/service/test_killed_steps.py):
- an item whose checksums match is in the new collection, bit for bit; one that is damaged is not;
- whenever it is killed, the store is the former or the new one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path

from vlclip.engine.item import Item
from vlclip.engine.opening.stores import open_store
from vlclip.engine.settings import StoreSettings
from vlclip.engine.store.edge.folder import BUILDING, FORMER, current, finish_repair
from vlclip.engine.store.edge.gate import Gate
from vlclip.engine.store.edge.room import MB, Room, size_of_copy
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Point


def rebuild(settings: StoreSettings, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Replace the current collection of an embedded store by one of its whole items; how many they are."""
    store = Path(settings.store)
    name = current(store)
    if name is None:
        raise AssertionError("the caller has examined it")
    building = store / BUILDING
    shutil.rmtree(building, ignore_errors=True)
    reserve = settings.disk_reserve_mb * MB
    Room(store, reserve).check(size_of_copy(store / name), "copy its whole items into a new collection")
    count = 0
    with (
        closing(open_store(str(store), settings)) as source,
        closing(open_store(str(building), settings, source.info)) as target,
    ):
        target.set_weighting(source.info.words)
        for verdicts in source.examine():
            count += _copy(source, target, [verdict.id for verdict in verdicts if not verdict.is_damaged])
            progress(count)
        target.optimize()
    with Gate(store).passing():
        shutil.rmtree(store / FORMER, ignore_errors=True)
        (store / name).rename(store / FORMER)
        finish_repair(store)
    shutil.rmtree(building)
    return count


def _copy(source: QdrantStore, target: QdrantStore, ids: Collection[str]) -> int:
    records = source.retrieve([item_id for item_id in ids if item_id], with_vector=True)
    points = [
        Point(record.id, record.vector, Item.from_payload(record.payload).lexical_texts, record.payload)
        for record in records.values()
        if record.vector is not None
    ]
    target.upsert(points)
    return len(points)
