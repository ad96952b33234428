"""A catalogue's items with their decoded photos, for work that reads all of them once.

Unlike the pipeline, which reports on every row, this gives `None` for a row without a usable photo.

Law (tests/ingestion/datasets/test_item_photos.py): the order is the catalogue's, and each row without a
usable photo is one `None`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from PIL import Image

from vlclip.engine.errors import PhotoError
from vlclip.engine.item import Item
from vlclip.engine.photos.decoding import decode
from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.photos.source import PhotoSource
from vlclip.ingestion.reading.catalogue import Catalogue, batched
from vlclip.ingestion.reading.entry import Entry
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ingestion.settings import IngestionSettings

BATCH = 64
"""Decoded photos in memory at a time."""


@dataclass(frozen=True, slots=True)
class ItemPhoto:
    """An item with its photo: the file's bytes, and decoded."""

    item: Item
    data: bytes
    photo: Image.Image


def titled(item: Item) -> bool:
    """Whether the item has a title to be found by."""
    return bool(item.title.strip())


def item_photo_batches(
    catalogue: Catalogue,
    columns: ColumnMapping,
    settings: IngestionSettings,
    *,
    select: Callable[[Item], bool] = lambda _: True,
    usable: Callable[[Item], bool] = titled,
) -> Iterator[list[ItemPhoto | None]]:
    """The items that `select` takes, at most `BATCH` at a time; None if it is not `usable` or has no photo.

    Rows that cannot be read are None as well, as `select` cannot be asked about them.
    """

    def read(entry: Entry) -> ItemPhoto | None:
        item = entry.item
        if item is None or item.image is None or not usable(item):
            return None
        try:
            data = photos.read(item.image)
            return ItemPhoto(item, data, decode(data, settings.fetch.limits))
        except PhotoError:
            return None

    entries = (entry for entry in catalogue.entries(columns) if entry.item is None or select(entry.item))
    with closing(Fetcher(settings.fetch)) as fetcher, ThreadPoolExecutor(settings.ingest.workers) as threads:
        photos = PhotoSource(fetcher.fetch, catalogue.root, settings.fetch.max_bytes)
        for batch in batched(entries, BATCH):
            yield list(threads.map(read, batch))
