"""Items written, patched and removed over HTTP: prepared side by side, stored in the order they came.

Nothing is locked while photos are fetched and refined texts asked for. One batch is embedded at a time, and
one is stored.

Laws (tests/service/shop/test_writing.py):
- while photos of a write are awaited, others are written, patched and removed;
- what an item would drop of the stored one is judged when it is stored;
- each body has an outcome, in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from vlclip.engine.errors import StoreFull, VlclipError
from vlclip.engine.item import Item
from vlclip.engine.store.store import Record, Store
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.items import Turns, delete_items, dropped, ingest_items
from vlclip.ingestion.pipeline.patches import ItemPatch, PatchResult, patch_items
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.service.http.answers import WrittenShape
from vlclip.service.http.requests import ItemBody
from vlclip.service.settings import Settings
from vlclip.service.shop.late_flush import LateFlush
from vlclip.service.shop.write_order import WriteOrder

log = logging.getLogger("vlclip.api")
Bodies = Sequence[tuple[str, ItemBody]]
DROPS = (
    "the stored item has what this one lacks, and would lose it: {}; send that as well, change single fields "
    "with PATCH, or say ?replace=true"
)
LATE = "a later request wrote or removed this item before this one was ready"


class Writing:
    """Writes into the store of one shop."""

    def __init__(self, destination: Destination, settings: Settings, preparation: Preparation) -> None:
        self._destination, self._settings, self._preparation = destination, settings, preparation
        self._order = WriteOrder()
        self._embedding = threading.Lock()
        self._flush = LateFlush(destination.store)

    @property
    def _store(self) -> Store:
        return self._destination.store

    @property
    def _ledger(self) -> Ledger:
        return self._destination.ledger

    def put(self, bodies: Bodies, *, replace: bool = False) -> list[WrittenShape]:
        """Write items through the pipeline's own stages; one outcome each, in order.

        Unless it is to `replace`, an item that would drop what the stored one has fails.
        """
        with self._order.begun([item_id for item_id, _ in bodies]) as number:
            write = _Write(bodies, number, self._settings.api.photos_timeout_s, replaces=replace)
            stored = {} if replace else self._store.retrieve([item.id for item in write.items.values()])
            # judged again when it is stored; what is refused now need not be fetched
            places = [
                place for place, item in write.items.items()
                if not write.refuse_drops(place, stored.get(item.id))
            ]  # fmt: skip
            while places:
                places = self._round(write, places)
        return [write.results[place] for place in range(len(bodies))]

    def patch(self, patches: Sequence[ItemPatch]) -> list[PatchResult]:
        """Change fields of stored items, flushed soon; it waits for no item that is being prepared."""
        with self._order.lock:
            results = patch_items(patches, self._store)
            effective = [result.status in ("patched", "unchanged") for result in results]
            self._order.patched([p for p, is_done in zip(patches, effective, strict=True) if is_done])
        if any(result.status == "patched" for result in results):
            self._flush.soon()
        return results

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items; how many were there."""
        with self._order.lock:
            self._order.settle(ids, self._order.next())
            return delete_items(ids, self._store, self._ledger)

    def close(self) -> None:
        """Flush nothing later; who closes the store flushes it."""
        self._flush.close()

    def _round(self, write: _Write, places: Sequence[int]) -> list[int]:
        """Take the items at these places through the stages; those that must go through them again."""
        again: list[int] = []
        since = self._order.next()

        def storing(batch: Batch, save: Callable[[Batch], Batch]) -> Batch:
            with self._order.lock:
                ready = [entry.id for entry in batch if entry.is_to_save]
                stored = {} if write.replaces else self._store.retrieve(ready)
                left_out: dict[int, Entry] = {}
                for entry in batch:
                    place = places[entry.row - 1]
                    if entry.failure is not None or entry.outcome == "duplicate":
                        continue
                    if self._order.is_late(entry.id, write.number):
                        write.results[place] = WrittenShape(id=entry.id, status="unchanged", reason=LATE)
                    elif not entry.pending and self._order.is_stored_since(entry.id, since):
                        again.append(place)  # it was compared with a vector that is no longer there
                    elif entry.outcome == "unchanged":
                        self._order.settle([entry.id], write.number)
                    elif not write.refuse_drops(place, stored.get(entry.id)):
                        continue
                    if entry.is_to_save:
                        left_out[entry.row] = entry.failed("embed", LATE)
                saved = iter(save([entry for entry in batch if entry.row not in left_out]))
                outcomes = [left_out.get(entry.row) or next(saved) for entry in batch]
                written = [entry.id for entry in outcomes if entry.outcome in ("embedded", "updated")]
                self._patch_again(self._order.store(written, write.number))
            return outcomes

        turns = Turns(self._embedding, storing, write.photos_until)
        items = [write.items[place] for place in places]
        results = ingest_items(
            items, self._destination, self._settings, preparation=self._preparation, turns=turns
        )
        for place, result in zip(places, results, strict=True):
            if place not in write.results and place not in again:
                reason = result.reason or write.bodies[place][1].shortened
                write.results[place] = WrittenShape(
                    id=result.id, status=result.status, reason=reason, passing=result.passing
                )
        return again

    def _patch_again(self, patches: Sequence[ItemPatch]) -> None:
        try:
            results = patch_items(patches, self._store) if patches else []
        except StoreFull as error:  # the items themselves were written
            results = [PatchResult(patch.id, "failed", str(error)) for patch in patches]
        for result in results:
            if result.status == "failed":
                log.warning("a patch of an item that was being written is lost: %s", result.reason)


class _Write:
    """The bodies of one write, the items they are, and what became of each by its place."""

    def __init__(self, bodies: Bodies, number: int, photos_s: float, *, replaces: bool) -> None:
        self.photos_until = time.monotonic() + photos_s
        self.bodies, self.number, self.replaces = bodies, number, replaces
        self.items: dict[int, Item] = {}
        self.results: dict[int, WrittenShape] = {}
        for place, (item_id, body) in enumerate(bodies):
            try:
                self.items[place] = body.item(item_id)
            except VlclipError as error:
                self.results[place] = WrittenShape(id=item_id, status="failed", reason=str(error))

    def refuse_drops(self, place: int, stored: Record | None) -> bool:
        """Whether the item at this place would drop what is stored; then it has failed."""
        item_id, body = self.bodies[place]
        if stored is None or not (drops := dropped(self.items[place], body.names, stored)):
            return False
        reason = DROPS.format(", ".join(drops))
        self.results[place] = WrittenShape(id=item_id, status="failed", reason=reason, drops=drops)
        return True
