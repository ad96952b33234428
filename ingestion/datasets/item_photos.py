"""A catalogue's items with their photos, decoded, for whatever has to look at all of them once.

Ingestion has its own way, which says of every row what became of it; here a row without a usable photo is
`None`. Law (tests/ingestion/datasets/test_item_photos.py): the order is the catalogue's, and one `None`
stands for each row that could not be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from PIL import Image

from vlclip.engine.item import Item
from vlclip.ingestion.errors import PhotoError
from vlclip.ingestion.photos.decoding import PhotoSource, decode
from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.reading.catalogue import Catalogue, batched
from vlclip.ingestion.reading.entry import Entry
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ingestion.settings import IngestionSettings

HELD = 64
"""Photos that are in memory decoded at a time."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An item with its photo: the file's bytes, and decoded."""

    item: Item
    data: bytes
    photo: Image.Image


def titled(item: Item) -> bool:
    """Whether the item has a title to be found by."""
    return bool(item.title.strip())


def shown_batches(
    catalogue: Catalogue,
    columns: ColumnMapping,
    settings: IngestionSettings,
    *,
    wanted: Callable[[Item], bool] = lambda _: True,
    usable: Callable[[Item], bool] = titled,
) -> Iterator[list[Shown | None]]:
    """The `wanted` items, at most `HELD` at a time; None for a row that is not `usable` or has no photo.

    Rows that could not be read are None too: nobody knows whether they were wanted.
    """

    def show(entry: Entry) -> Shown | None:
        item = entry.item
        if item is None or item.image is None or not usable(item):
            return None
        try:
            data = photos.read(item.image)
            return Shown(item, data, decode(data, max_pixels=settings.fetch.max_pixels))
        except PhotoError:
            return None

    entries = (entry for entry in catalogue.entries(columns) if entry.item is None or wanted(entry.item))
    with closing(Fetcher(settings.fetch)) as fetcher, ThreadPoolExecutor(settings.ingest.workers) as threads:
        photos = PhotoSource(fetcher.fetch, catalogue.root, settings.fetch.max_bytes)
        for batch in batched(entries, HELD):
            yield list(threads.map(show, batch))
