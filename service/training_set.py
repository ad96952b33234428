"""Catalogues as photo-text pairs for training."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from engine.errors import TrainingError
from engine.item import Item
from engine.settings import Settings
from engine.training.framing import Frame, framing
from engine.training.pairs import Pairs
from engine.training.recipe import Recipe
from ingestion.catalogue import batched, open_catalogue
from ingestion.entry import Entry
from ingestion.errors import PhotoError
from ingestion.fetch import Fetcher
from ingestion.guesses import map_columns
from ingestion.photos import PhotoSource, decode
from service.terminal import err

TEXT_FIELDS = ("title", "description", "product_type", "brand")


def read_pairs(sources: Sequence[str], mapping: Sequence[str], recipe: Recipe, settings: Settings) -> Pairs:
    """Every item of the catalogues that has a photo and words; how many had not goes to stderr."""
    _, frame = framing(recipe)
    ids: list[str] = []
    photos: list[NDArray[np.uint8]] = []
    words: list[dict[str, str]] = []
    left_out = 0
    fetcher = Fetcher(settings.fetch)
    with closing(fetcher), ThreadPoolExecutor(settings.ingest.workers) as threads:
        for source in sources:
            catalogue = open_catalogue(source)
            columns = map_columns(catalogue, mapping)
            photo_source = PhotoSource(fetcher.fetch, catalogue.root, settings.fetch.max_bytes)
            for batch in batched(catalogue.entries(columns), settings.ingest.batch):
                jobs = [threads.submit(_frame, entry, photo_source, frame, settings) for entry in batch]
                for entry, job in zip(batch, jobs, strict=True):
                    photo = job.result()
                    if photo is None or entry.item is None:
                        left_out += 1
                        continue
                    ids.append(entry.id)
                    photos.append(photo)
                    words.append(item_words(entry.item))
    if left_out:
        err.print(f"{left_out:,} rows without a usable photo or text are left out")
    if not photos:
        raise TrainingError("no row has both a photo and a title; check --map with `vlclip ingest`")
    return Pairs(ids, np.stack(photos), words)


def item_words(item: Item) -> dict[str, str]:
    """What a text template can say of an item: its text fields and attributes by name."""
    words = {name: getattr(item, name) for name in TEXT_FIELDS}
    for name, value in item.attributes.items():
        words[name] = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return words


def _frame(entry: Entry, source: PhotoSource, frame: Frame, settings: Settings) -> NDArray[np.uint8] | None:
    item = entry.item
    if item is None or item.image is None or not item.title.strip():
        return None
    try:
        photo = decode(source.read(item.image), max_pixels=settings.fetch.max_pixels)
    except PhotoError:
        return None
    return frame(photo)
