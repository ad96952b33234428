"""Catalogues as material for a grounder: packshots cut out, scenes with their boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vlclip.engine.errors import TrainingError
from vlclip.engine.grounding.grounder import Box
from vlclip.engine.training.grounder.composites import cut_out
from vlclip.engine.training.grounder.material import Material
from vlclip.engine.training.grounder.model import LONG_SIDE, SHORT_SIDE
from vlclip.engine.training.grounder.scenes import Labelled, Product, Prompted, held_out, names_of
from vlclip.engine.training.held_out import is_validation
from vlclip.ingestion.datasets.item_photos import ItemPhoto, item_photo_batches
from vlclip.ingestion.datasets.truth import read_truth, truth_beside
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.settings import IngestionSettings

FAMILY = "sub_category"
"""Attribute that names a wider kind than the product type, where a catalogue has one."""
TEXTURES = 2000
HELD_OUT_SCENES = 400


@dataclass(frozen=True, slots=True)
class GrounderSet:
    """What there is to learn from, and what is kept back.

    `held_out` are scenes of products that are in no other scene. `left_out` counts photos whose product does
    not stand on a plain background.
    """

    material: Material
    held_out: list[Prompted]
    left_out: int


def read_material(
    sources: Sequence[str], mapping: Sequence[str], settings: IngestionSettings, encoding: str = ""
) -> GrounderSet:
    """What a grounder can learn from some catalogues.

    A catalogue with a `truth.jsonl` beside it, as `vlclip draw` and `vlclip compose` write, gives
    whole scenes with their boxes; any other gives its packshots, cut from their plain background.
    `encoding` is that of CSV files that are not UTF-8.
    Errors: `TrainingError` where fewer than two product types are left.
    """
    products: list[Product] = []
    kept_back: list[Product] = []
    scenes: list[Labelled] = []
    left_out = 0
    for source in sources:
        boxes = _boxes(source)
        for item_photo in _item_photos(source, mapping, settings, encoding):
            item, photo = item_photo.item, item_photo.photo
            names = names_of(item.product_type, str(item.attributes.get(FAMILY, "")))
            validates = is_validation(item.id)
            cut = None if item.id in boxes else cut_out(np.asarray(photo))
            if item.id in boxes and not validates:
                scenes.append(_scene(photo, boxes[item.id], names))
            elif cut is not None:
                (kept_back if validates else products).append(Product(cut, names))
            elif item.id not in boxes:
                left_out += 1
    if len({product.names[0] for product in products}) < 2:
        raise TrainingError(
            "scenes need packshots of at least two product types; check that --map names the product_type"
        )
    material = Material(products, _textures(products), scenes)
    types = {product.names[0] for product in kept_back}
    held_out_scenes = held_out(kept_back, _textures(kept_back), HELD_OUT_SCENES) if len(types) > 1 else []
    return GrounderSet(material, held_out_scenes, left_out)


def _item_photos(
    source: str, mapping: Sequence[str], settings: IngestionSettings, encoding: str
) -> Iterator[ItemPhoto]:
    """Every item that has a product type and a usable photo."""
    catalogue = open_catalogue(source, encoding=encoding)
    columns = map_columns(catalogue, mapping, ReadingChoices.of(settings))
    for batch in item_photo_batches(
        catalogue, columns, settings, usable=lambda item: bool(item.product_type.strip())
    ):
        yield from (item_photo for item_photo in batch if item_photo is not None)


def _boxes(source: str) -> dict[str, Box]:
    """True boxes by id where the catalogue has a truth beside it; else none."""
    path = truth_beside(source)
    truth = {} if path is None else read_truth(path)
    return {item_id: facts.box for item_id, facts in truth.items() if facts.box is not None}


def _scene(photo: Image.Image, box: tuple[float, ...], names: tuple[str, ...]) -> Labelled:
    """The photo at the size of training."""
    scale = min(SHORT_SIDE / min(photo.size), LONG_SIDE / max(photo.size))
    size = (max(32, round(photo.width * scale)), max(32, round(photo.height * scale)))
    pixels = np.asarray(photo.resize(size, Image.Resampling.BILINEAR))
    factors = np.array([size[0] / photo.width, size[1] / photo.height] * 2, dtype=np.float32)
    return Labelled(pixels, np.array([box], dtype=np.float32) * factors, (names,))


def _textures(products: Sequence[Product]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    large = (product.cut[..., :3] for product in products[:TEXTURES] if min(product.cut.shape[:2]) >= 30)
    return list(large)
