"""Single items into the store and out of it, without a catalogue.

Law (tests/ingestion/pipeline/test_items.py): the stages are those of a catalogue and give the same points.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from vlclip.engine.errors import DiskFull, ItemError, StoreError, StoreFull
from vlclip.engine.item import Item
from vlclip.engine.store.store import Record, Store
from vlclip.ingestion.errors import LedgerError
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.pipeline.chain import PhotoReading, open_chain
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.report import ItemResult
from vlclip.ingestion.reading.catalogue import batched
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.settings import IngestionSettings
from vlclip.ingestion.stages.claim import claim_once
from vlclip.ingestion.stages.preparation import Preparation, open_preparation
from vlclip.ingestion.stages.save import Save

log = logging.getLogger("vlclip.ingest")
API = "api"
"""The source of items that did not come from a catalogue."""


@dataclass(frozen=True, slots=True)
class Turns:
    """What holds where several threads ingest items side by side.

    `embedding` is held while a batch is embedded. `storing` stores a batch with the function it gets.
    `photos_until` is when all photos have to have come, in seconds of the monotonic clock.
    """

    embedding: AbstractContextManager[Any] = field(default_factory=nullcontext)
    storing: Callable[[Batch, Callable[[Batch], Batch]], Batch] = lambda batch, save: save(batch)
    photos_until: float = math.inf


ALONE = Turns()
"""Nobody else writes."""


def ingest_items(
    items: Sequence[Item],
    destination: Destination,
    settings: IngestionSettings,
    *,
    source: str = API,
    root: Path | None = None,
    preparation: Preparation | None = None,
    provenances: Mapping[str, Mapping[str, Any]] | None = None,
    turns: Turns = ALONE,
) -> list[ItemResult]:
    """Put items into the store through the stages of a catalogue; one result each, in order.

    Photos are bytes or URLs; paths are read only where `root` names the folder they start from.
    `preparation` is that of the settings unless the caller brings one, which the caller closes.
    `provenances` holds, by id, the provenance of items that were read from a store: the store keeps values
    in the kind of their field, so their hash stays that of the catalogue's row. Results are durable when
    this returns.
    """
    destination.check()
    entries = [Entry.of(item, source, number) for number, item in enumerate(items, start=1)]
    results: list[ItemResult] = []
    with (
        open_preparation(settings, preparation, destination.info.language) as prepared,
        open_chain(destination, settings, prepared, root, reading=PhotoReading(turns.photos_until)) as chain,
    ):
        save = Save(destination.store, destination.ledger, 0, destination.info.fingerprint, prepared)
        for batch in batched(claim_once(entries), settings.ingest.batch):
            ready = chain.before_embedding(batch)
            with turns.embedding:
                embedded = chain.embed(ready)
            if provenances is not None:
                embedded = [_with_stored_hash(entry, provenances.get(entry.id, {})) for entry in embedded]
            try:
                results += [ItemResult.of(entry) for entry in turns.storing(embedded, save)]
            except StoreFull as error:
                if not results:
                    raise
                results += [ItemResult(entry.id, "failed", str(error)) for entry in embedded]
    if any(result.status in ("embedded", "updated") for result in results):
        with _done_already("items were written"):
            destination.store.flush()
    return results


def dropped(item: Item, names: Collection[str], stored: Record) -> list[str]:
    """What a stored item would lose if `item` replaced it: fields that are not among `names`, and attributes.

    `names` are the fields that its writer sent: one that was sent empty is meant to be empty. A photo that
    came as bytes is not in the payload, but its vector is there.
    """
    try:
        before = Item.from_payload(stored.payload)
    except (ItemError, TypeError):
        return []
    nothing = Item(item.id)
    unsent = {field.name for field in fields(Item)} - {*names, "id", "attributes"}
    lost = [name for name in sorted(unsent) if getattr(before, name) != getattr(nothing, name)]
    if "image" in unsent and before.image is None and "image" not in stored.lacks:
        lost.append("image")
    return lost + [f"attributes.{name}" for name in before.attributes if name not in item.attributes]


def delete_items(ids: Sequence[str], store: Store, ledger: Ledger) -> int:
    """Remove items and their dead letters; how many were in the store."""
    deleted = store.delete(ids)
    with _done_already("items were deleted"):
        ledger.dead_letters.forget(ids)
    with _done_already("items were deleted"):
        if deleted:
            store.flush()
    return deleted


@contextmanager
def _done_already(what: str) -> Iterator[None]:
    """Log what fails after a write: a killed process does not undo it, so it is not answered as refused."""
    try:
        yield
    except (StoreError, LedgerError, DiskFull) as error:
        log.error("%s, but not all was noted: %s", what, error)  # noqa: TRY400 - it says why


def _with_stored_hash(entry: Entry, provenance: Mapping[str, Any]) -> Entry:
    """The entry with the content hash of its point, unless its photo, which is in that hash, has changed."""
    same = entry.pending and entry.photo_hash == provenance.get("photo_hash", "")
    content_hash = provenance.get("content_hash", entry.content_hash)
    return replace(entry, content_hash=content_hash) if same else entry
