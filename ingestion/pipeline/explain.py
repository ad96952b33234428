"""How a catalogue would be read: each column's fate and the first items, and nothing stored.

Laws (tests/ingestion/pipeline/test_explain.py):
- no store is opened, no model loaded, no photo fetched;
- every column has a fate, and an item is what an ingest would store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vlclip.engine.errors import PhotoError
from vlclip.engine.item import Item
from vlclip.engine.refinement.refiner import load_refiner
from vlclip.ingestion.photos.source import PhotoSource, is_url
from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.catalogue import Catalogue, open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.entry import Entry
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ingestion.settings import IngestionSettings

SAMPLE = 500
"""Rows whose warnings are counted."""
ITEMS = 3


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a column; `example` is its first value."""

    column: str
    fate: str
    example: str


@dataclass(frozen=True, slots=True)
class ExplainedItem:
    """One item as it would be stored; `words` is the text that is embedded.

    `photos` are pairs of a reference and what is known of it. `failure` is why there is no item.
    """

    row: int
    id: str
    payload: dict[str, Any]
    words: str
    photos: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A catalogue read as an ingest would; `read` are the rows whose warnings and failures are counted."""

    source: str
    rows: int | None
    read: int
    notes: tuple[str, ...]
    columns: tuple[Fate, ...]
    items: tuple[ExplainedItem, ...]
    warnings: dict[str, int]
    failures: dict[str, int]


def explain_catalogue(
    source: str | Path,
    settings: IngestionSettings,
    *,
    mapping: Sequence[str] = (),
    layout: str = "auto",
    encoding: str = "",
) -> Explanation:
    """What an ingest with these settings and options would make of a catalogue.

    Errors: `CatalogueError` and `MappingError`.
    """
    catalogue = open_catalogue(source, layout, encoding)
    columns = map_columns(catalogue, mapping, ReadingChoices.of(settings))
    entries = list(islice(catalogue.entries(columns), SAMPLE))
    return Explanation(
        str(source),
        catalogue.total(),
        len(entries),
        columns.notes,
        tuple(_fates(catalogue, columns)),
        tuple(_explained(entries[:ITEMS], catalogue, settings)),
        dict(Counter(warning for entry in entries for warning in entry.warnings).most_common()),
        dict(Counter(entry.failure.reason for entry in entries if entry.failure).most_common()),
    )


def _fates(catalogue: Catalogue, columns: ColumnMapping) -> Iterator[Fate]:
    """Every column in the catalogue's order."""
    examples: dict[str, str] = {}
    for row in catalogue.sample:
        for name, cell in row.values.items():
            if name not in examples and not values.absent(cell):
                examples[name] = _shortened(cell)
    for name in catalogue.columns:
        yield Fate(name, _fate(name, columns, is_empty=name not in examples), examples.get(name, ""))


def _fate(name: str, columns: ColumnMapping, *, is_empty: bool) -> str:
    fields = [field for field, origin in columns.fields.items() if name in origin.columns]
    if name in columns.folded:
        return "read within others"
    if is_empty and not fields:
        return "nothing: it is empty"
    if name == columns.attributes.nested:
        fields.append("an attribute for each of its names")
    if name in columns.attributes.names:
        attribute = columns.attributes.names[name]
        fields.append("attribute" if attribute == name else f"attribute {attribute}")
    if fields:
        return ", ".join(fields)
    return "left out: it has no name" if not name.strip() else "left out: it holds bytes"


def _shortened(cell: Any) -> str:
    if isinstance(cell, list | tuple):
        cell = ", ".join(str(part) for part in cell)
    elif isinstance(cell, dict):
        cell = ", ".join(f"{key}: {part}" for key, part in cell.items())
    text = "bytes" if isinstance(cell, bytes) else " ".join(str(cell).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _explained(
    entries: Sequence[Entry], catalogue: Catalogue, settings: IngestionSettings
) -> Iterator[ExplainedItem]:
    photos = PhotoSource(_not_fetched, catalogue.root, settings.fetch.max_bytes)
    items = [entry.item for entry in entries if entry.item is not None]
    words = iter(_words(items, settings))
    for entry in entries:
        if entry.item is None:
            reason = entry.failure.reason if entry.failure else ""
            yield ExplainedItem(entry.row, entry.id, {}, "", (), entry.warnings, reason)
            continue
        yield ExplainedItem(
            entry.row,
            entry.id,
            entry.item.payload(),
            next(words),
            tuple(_photos(entry.item, photos)),
            entry.warnings,
        )


def _words(items: Sequence[Item], settings: IngestionSettings) -> list[str]:
    """The texts of items as they are embedded; a language model is not asked."""
    refinement = settings.refinement
    if refinement.mode == "llm":
        refinement = refinement.model_copy(update={"mode": "fields"})
    refiner = load_refiner(refinement, settings.language)
    if refiner is None:
        return [item.text for item in items]
    with closing(refiner):
        return [refined.text for refined in refiner.refine(items, [None] * len(items))]


def _photos(item: Item, source: PhotoSource) -> Iterator[tuple[str, str]]:
    for photo in dict.fromkeys([item.image, *item.photos]):
        if isinstance(photo, bytes):
            yield f"{len(photo):,} bytes", "given"
        elif photo and is_url(photo):
            yield photo, "an address; it is fetched at the ingest"
        elif photo:
            try:
                source.read(photo)
            except PhotoError as error:
                yield photo, str(error)
            else:
                yield photo, "there"


def _not_fetched(address: str) -> bytes:
    raise PhotoError(f"{address} is not fetched here")
