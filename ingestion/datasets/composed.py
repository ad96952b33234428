"""A harder copy of a catalogue, with the truth beside it: what grounding and refinement are judged on.

- `clutter`: each product is cut from its packshot and set among three others, of other types, on a
  busy background of 224 by 224 pixels; its longer side takes 60 to 120 of them.
- `spoil`: each title is spoiled as by a careless seller: slogans, repeated words, capitals, meaningless
  size codes, the type left out.

Laws (tested in tests/ingestion/datasets/test_composed.py):
- ids stay as they are, so training keeps back the same items;
- an item's scene and title depend on the seed, its id and the pool alone;
- products of the kept-back items are never set into scenes of the others, nor the other way round.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from PIL import Image

from vlclip.engine.disk import whole_file, whole_folder, why_not_replaced
from vlclip.engine.item import Item
from vlclip.engine.training.grounder.composites import Pixels, backdrop, compose, cut_out
from vlclip.engine.training.held_out import is_validation
from vlclip.ingestion.datasets.item_photos import ItemPhoto, item_photo_batches
from vlclip.ingestion.drawn import messy_title
from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.settings import IngestionSettings

Split = Literal["all", "training", "validation"]

SIDE = 224
LONGER_SIDE = (60, 120)
COMPANIONS = 3
POOL = 2000
"""Cut-outs kept in memory to set around the others."""
POOL_SIDE = 2 * LONGER_SIDE[1]
"""Pixels of the longer side of a photo they are cut from."""
TEXTURES = 200
"""How many of them are enlarged to backgrounds."""
TRIES = 200
"""Draws from the pool for one scene; a shop of few types has scenes of fewer products."""
SHARD = 2000
"""Rows of one Parquet file."""


@dataclass(frozen=True, slots=True)
class CompositionPlan:
    """Which catalogue to copy, and how: `clutter` changes photos, `spoil` titles.

    `mapping` are `field=column` options. `split` names the items: all, or those that training keeps back, or
    the others. `limit` is the most items to write. `encoding` is that of a CSV file that is not UTF-8.
    """

    source: str | Path
    mapping: Sequence[str] = ()
    split: Split = "all"
    limit: int | None = None
    clutter: bool = True
    spoil: bool = False
    seed: int = 7
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class ComposedCatalogue:
    """The copy: `written` items in the folder `catalogue`; `left_out` items have no packshot."""

    catalogue: Path
    truth: Path
    written: int
    left_out: int


@dataclass(frozen=True, slots=True)
class _Companion:
    """A product to set around others; `product` is `(height, width, 4)`."""

    product_type: str
    product: Pixels


def compose_catalogue(plan: CompositionPlan, folder: Path, settings: IngestionSettings) -> ComposedCatalogue:
    """Write the harder copy to `folder`: `catalogue/*.parquet` and `truth.jsonl`.

    A line of the truth has an item's `id`, `box` (x0, y0, x1, y1 in pixels; only with `clutter`),
    `scene` and `clean_title`. An earlier copy there is replaced. Errors: `CatalogueError`
    where no item has a usable photo, or `catalogue` holds something else.
    """
    place = folder / "catalogue"
    if why := why_not_replaced(place, r"items-\d{4}\.parquet"):
        raise CatalogueError(f"{place} {why}")
    pool = _pool(plan, settings) if plan.clutter else []
    textures = [companion.product[..., :3] for companion in pool[:TEXTURES]]
    written = left_out = 0
    rows: list[dict[str, Any]] = []
    with whole_folder(place) as shards, whole_file(folder / "truth.jsonl") as truth:
        for original in _originals(plan, settings):
            product = cut_out(np.asarray(original.photo)) if original is not None and plan.clutter else None
            if original is None or (plan.clutter and product is None):
                left_out += 1
                continue
            row, facts = _row(original, product, pool, textures, plan)
            rows.append(row)
            truth.write(json.dumps(facts, ensure_ascii=False) + "\n")
            written += 1
            if len(rows) == SHARD:
                _write(rows, shards, written)
                rows = []
            if written == plan.limit:
                break
        if rows:
            _write(rows, shards, written)
        if not written:
            raise CatalogueError(f"no item of {plan.source} has a photo on a plain background and a title")
    return ComposedCatalogue(place, folder / "truth.jsonl", written, left_out)


def _row(
    original: ItemPhoto,
    product: Pixels | None,
    pool: Sequence[_Companion],
    textures: Sequence[Pixels],
    plan: CompositionPlan,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row of the copy, and what is true of it."""
    item, photo = original.item, original.data
    number = int.from_bytes(hashlib.sha256(item.id.encode()).digest()[:6])
    facts: dict[str, Any] = {"id": item.id, "scene": "as it was", "clean_title": item.title}
    if product is not None:
        scene, box = _scene(product, item, pool, textures, np.random.default_rng([plan.seed, number]))
        photo, facts["box"], facts["scene"] = scene, box, "cluttered"
    if plan.spoil:
        item = replace(item, title=messy_title(item.title, item.product_type, Dice(plan.seed, number)))
    fields = {name: value for name, value in replace(item, image=None).payload().items() if value != ""}
    return {**fields, "image": photo}, facts


def _scene(
    product: Pixels,
    item: Item,
    pool: Sequence[_Companion],
    textures: Sequence[Pixels],
    rng: np.random.Generator,
) -> tuple[bytes, list[float]]:
    products = [product]
    types = {item.product_type}
    for _ in range(TRIES):
        companion = pool[int(rng.integers(len(pool)))]
        if companion.product_type in types:
            continue
        types.add(companion.product_type)
        products.append(companion.product)
        if len(products) > COMPANIONS:
            break
    scene = compose(products, backdrop(SIDE, rng, textures), rng.uniform(*LONGER_SIDE, len(products)), rng)
    photo = BytesIO()
    Image.fromarray(scene.photo).save(photo, "JPEG", quality=90)
    return photo.getvalue(), [float(edge) for edge in scene.boxes[0]]


def _pool(plan: CompositionPlan, settings: IngestionSettings) -> list[_Companion]:
    """Cut-outs from all over the catalogue: a reservoir sample, the same for the same catalogue."""
    rng = np.random.default_rng(0)
    pool: list[_Companion | None] = []
    usable = (original for original in _originals(plan, settings) if original is not None)
    for count, original in enumerate(usable):
        place = count if count < POOL else int(rng.integers(count + 1))
        if place < POOL:
            pool[place : place + 1] = [_companion(original)]
    return [companion for companion in pool if companion is not None]


def _companion(original: ItemPhoto) -> _Companion | None:
    original.photo.thumbnail((POOL_SIDE, POOL_SIDE))
    product = cut_out(np.asarray(original.photo))
    return None if product is None else _Companion(original.item.product_type, product)


def _originals(plan: CompositionPlan, settings: IngestionSettings) -> Iterator[ItemPhoto | None]:
    """Items of the split with their photos; None where there is no photo or no title."""

    def is_in_split(item: Item) -> bool:
        return plan.split == "all" or (plan.split == "validation") == is_validation(item.id)

    catalogue = open_catalogue(plan.source, encoding=plan.encoding)
    columns = map_columns(catalogue, plan.mapping, ReadingChoices.of(settings))
    for batch in item_photo_batches(catalogue, columns, settings, select=is_in_split):
        yield from batch


def _write(rows: list[dict[str, Any]], folder: Path, written: int) -> None:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    with (folder / f"items-{(written - 1) // SHARD:04d}.parquet").open("wb") as file:
        frame.write_parquet(file)
