"""Points brought up to the current grounder, rule and refiner from what the store holds, without a catalogue.

Laws (tests/ingestion/pipeline/test_refresh.py):
- refreshing equals ingesting the same catalogue again with the new grounder and refiner, so that
  ingest finds nothing changed afterwards;
- a second refresh changes nothing; an item that cannot be refreshed is reported and stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlclip.engine.errors import ItemError
from vlclip.engine.item import Item
from vlclip.engine.store.store import Record
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.items import ingest_items
from vlclip.ingestion.pipeline.patches import STALE
from vlclip.ingestion.pipeline.report import ItemResult
from vlclip.ingestion.settings import IngestionSettings
from vlclip.ingestion.stages.preparation import Preparation

SOURCE = "refresh"
"""What dead letters of a refresh name as their source."""


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What became of `items` points: `without_photo` were embedded from bytes that are not kept.

    `failed` are results with their reasons; those items keep their vectors.
    """

    items: int
    refreshed: int
    without_photo: int
    failed: tuple[ItemResult, ...]


def refresh(
    destination: Destination,
    settings: IngestionSettings,
    *,
    root: Path,
    preparation: Preparation,
    progress: Callable[[int], None] = lambda _: None,
) -> RefreshReport:
    """Encode again every point that another grounder, rule or refiner prepared, or a patch made stale.

    Photos are read from where the points say they are: URLs, or paths from `root`. `progress` is called
    with the number of points read so far. Errors are those of `ingest_items`.
    """
    store = destination.store
    span = destination.info.space.slices()["image"]
    stale = [
        record.id
        for page in store.scan(fields=("provenance",))
        for record in page
        if _is_stale(record.payload.get("provenance") or {}, preparation)
    ]
    total, refreshed, without_photo = store.count(), 0, 0
    failed: list[ItemResult] = []
    for start in range(0, len(stale), settings.ingest.batch):
        part = stale[start : start + settings.ingest.batch]
        items: list[Item] = []
        records = store.retrieve(part, with_vector=True)
        for record in records.values():
            if _has_photo(record, span) and not record.payload.get("image"):
                without_photo += 1
                continue
            try:
                items.append(Item.from_payload(record.payload))
            except ItemError as error:
                failed.append(ItemResult(record.id, "failed", str(error)))
        results = ingest_items(
            items,
            destination,
            settings,
            source=SOURCE,
            root=root,
            preparation=preparation,
            provenances={name: record.payload.get("provenance") or {} for name, record in records.items()},
        )
        refreshed += sum(result.status == "embedded" for result in results)
        failed += [result for result in results if result.status == "failed"]
        progress(total - len(stale) + start + len(part))
    return RefreshReport(total, refreshed, without_photo, tuple(failed))


def _is_stale(provenance: Mapping[str, Any], preparation: Preparation) -> bool:
    """Whether a vector was prepared in another way, or made before its item was patched."""
    return bool(provenance.get(STALE)) or not preparation.matches(provenance)


def _has_photo(record: Record, span: slice) -> bool:
    return record.vector is not None and bool(record.vector[span].any())
