"""Catalogues as photo-text pairs for training: photos cropped to the product, texts refined, if asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.errors import TrainingError
from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.grounding.grounder import Grounder
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.grounding.rule import choose, cut
from vlclip.engine.item import Item
from vlclip.engine.refinement.refined import Refiner
from vlclip.engine.refinement.refiner import load_refiner
from vlclip.engine.training.framing import framing
from vlclip.engine.training.pairs import Pairs
from vlclip.engine.training.recipe import Recipe
from vlclip.ingestion.datasets.item_photos import ItemPhoto, item_photo_batches
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.settings import IngestionSettings

TEXT_FIELDS = ("title", "description", "product_type", "brand")


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pairs of some catalogues, and what became of their rows.

    `left_out` counts rows without a usable photo or text, `cropped` photos that `grounder` cropped; the
    name of the grounder is "" where there was none.
    """

    pairs: Pairs
    left_out: int
    cropped: int
    grounder: str


def read_pairs(
    sources: Sequence[str],
    mapping: Sequence[str],
    recipe: Recipe,
    settings: IngestionSettings,
    encoding: str = "",
) -> TrainingSet:
    """Every item of the catalogues that has a photo and words; `encoding` is that of CSV files not in UTF-8.

    Errors: `TrainingError` where nothing is left, or the recipe asks for a grounder or a refiner and
    the settings name none.
    """
    _, frame = framing(recipe)
    ids: list[str] = []
    photos: list[NDArray[np.uint8]] = []
    hashes: list[str] = []
    words: list[dict[str, str]] = []
    rows = cropped = 0
    with ExitStack() as resources:
        grounder, refiner, photo_hash = _grounder(recipe, settings), _refiner(recipe, settings), _hash(recipe)
        if refiner is not None:
            resources.enter_context(closing(refiner))
        threads = resources.enter_context(ThreadPoolExecutor(settings.ingest.workers))
        for batch in _batches(sources, mapping, settings, encoding):
            item_photos = [item for item in batch if item is not None]
            crops = _crops(item_photos, grounder, settings)
            rows += len(batch)
            cropped += sum(crop is not item.photo for crop, item in zip(crops, item_photos, strict=True))
            ids += [item.item.id for item in item_photos]
            words += _words(item_photos, refiner)
            photos += threads.map(frame, crops)
            hashes += threads.map(photo_hash, crops) if photo_hash is not None else ()
    if not photos:
        raise TrainingError("no row has both a photo and a title; check --map with `vlclip ingest`")
    pairs = Pairs(ids, np.stack(photos), words, hashes)
    return TrainingSet(pairs, rows - len(ids), cropped, "" if grounder is None else grounder.name)


def item_words(item: Item) -> dict[str, str]:
    """What a text template can say of an item: its text fields and attributes by name."""
    words = {name: getattr(item, name) for name in TEXT_FIELDS}
    for name, value in item.attributes.items():
        words[name] = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return words


def _batches(
    sources: Sequence[str], mapping: Sequence[str], settings: IngestionSettings, encoding: str
) -> Iterator[list[ItemPhoto | None]]:
    for source in sources:
        catalogue = open_catalogue(source, encoding=encoding)
        yield from item_photo_batches(
            catalogue, map_columns(catalogue, mapping, ReadingChoices.of(settings)), settings
        )


def _crops(
    item_photos: Sequence[ItemPhoto], grounder: Grounder | None, settings: IngestionSettings
) -> list[Image.Image]:
    """The products in their photos; a photo stays whole where none is found."""
    photos = [item.photo for item in item_photos]
    if grounder is None or not item_photos:
        return photos
    boxes = grounder.locate(photos, [item.item.product_type for item in item_photos])
    rule = rule_from(settings.grounding)
    return [cut(photo, choose(box, photo.size, rule)) for photo, box in zip(photos, boxes, strict=True)]


def _words(item_photos: Sequence[ItemPhoto], refiner: Refiner | None) -> list[dict[str, str]]:
    words = [item_words(item.item) for item in item_photos]
    if refiner is not None and item_photos:
        texts = refiner.refine([item.item for item in item_photos], [item.data for item in item_photos])
        for item, text in zip(words, texts, strict=True):
            item["refined"] = text.text
    return words


def _hash(recipe: Recipe) -> Callable[[Image.Image], str] | None:
    if "image" not in recipe.same:
        return None
    from vlclip.engine.duplicates import photo_hash  # noqa: PLC0415 - its libraries take a second to load

    return photo_hash


def _grounder(recipe: Recipe, settings: IngestionSettings) -> Grounder | None:
    if not recipe.ground:
        return None
    grounder = load_grounder(settings.grounding, settings.device, settings.runtime)
    if grounder is None:
        raise TrainingError(
            "the recipe asks for grounded crops; name a grounder: VLCLIP_GROUNDING__MODEL=..."
        )
    return grounder


def _refiner(recipe: Recipe, settings: IngestionSettings) -> Refiner | None:
    if not recipe.refine:
        return None
    refiner = load_refiner(settings.refinement, settings.language, settings.fetch.limits)
    if refiner is None:
        raise TrainingError(
            "the recipe asks for refined texts; name the refiner: VLCLIP_REFINEMENT__MODE=fields"
        )
    return refiner
