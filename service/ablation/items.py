"""A catalogue as an ablation needs it: every item's photos, texts and boxes, encoded by every model.

A photo is read and decoded once; decoded photos are let go of batch by batch, vectors stay. A crop that
is the whole photo, and a text that is equal to another, has that one's vector: the same thing never
differs by the rounding of another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.encoding.clip import Clip
from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.grounding.grounder import Detection, Grounder
from vlclip.engine.grounding.rule import Rule, choose, cut
from vlclip.engine.item import Item
from vlclip.engine.refinement.agreement import judged
from vlclip.engine.refinement.refined import Refiner
from vlclip.engine.space import Floats
from vlclip.engine.training.pairs import is_validation
from vlclip.engine.training.recipe import VALIDATION_SHARE
from vlclip.ingestion.datasets.item_photos import ItemPhoto, item_photo_batches
from vlclip.ingestion.datasets.truth import Truth
from vlclip.ingestion.reading.catalogue import Catalogue
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.ablation.boxes import Boxes
from vlclip.ranking.evaluation.ablation.measurement import Encoded, Model, Photo, Text
from vlclip.ranking.evaluation.ablation.wearer import shows_wearer
from vlclip.service.settings import Settings

LOOKED_AT = 160
"""Pixels of the longer side of a photo when somebody who wears the product is looked for."""
SCENES = ("packshot", "cluttered")
"""Scenes made by us: nobody is in them."""
NOWHERE = (np.nan,) * 4
UNKNOWN = Truth()

Told = Callable[[str, int, int | None], None]
"""Hears what is being done, how much of it is done, and of how much, where that is known."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes the rows: models by name, and a grounder and a refiner where there are some."""

    clips: Mapping[Model, Clip]
    grounder: Grounder | None = None
    refiner: Refiner | None = None


@dataclass(frozen=True, slots=True)
class AblationSet:
    """n items that have a title and a photo; everything is in the order of `items`.

    `cropped` says whether the rule trusts the box that was found. `worn` is "worn", "alone", or "" where
    the photo is not one to look at for that.
    """

    items: list[Item] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    found: list[Detection | None] = field(default_factory=list)
    cropped: list[bool] = field(default_factory=list)
    worn: list[str] = field(default_factory=list)
    models: dict[Model, Encoded] = field(default_factory=dict)

    @property
    def found_boxes(self) -> Boxes:
        """`(n, 4)` x0 y0 x1 y1 in pixels, NaN where nothing was found."""
        return np.array([one.box if one else NOWHERE for one in self.found], dtype=np.float64)

    @property
    def true_boxes(self) -> Boxes:
        """`(n, 4)`, NaN where they are not known."""
        return np.array([one.box or NOWHERE for one in self.truth], dtype=np.float64)

    @property
    def scores(self) -> NDArray[np.float64]:
        """`(n,)`, NaN where nothing was found."""
        return np.array([one.score if one else np.nan for one in self.found], dtype=np.float64)

    def values(self, name: str) -> list[str]:
        """Every item's value of a field, "" where it has none."""
        return [_written(item.payload().get(name)) for item in self.items]


def read_set(
    catalogue: Catalogue,
    columns: ColumnMapping,
    truth: Mapping[str, Truth],
    parts: Parts,
    settings: Settings,
    *,
    validation: bool = False,
    limit: int | None = None,
    told: Told = lambda *_: None,
) -> AblationSet:
    """The first `limit` items with a title and a photo, of all or of those that training keeps back.

    Photos are shown in full, as the crop where there is a grounder, and as the true box, padded like a
    crop, where a truth has boxes; where it has none for an item, its photo stays whole.
    Errors: `EvaluationError` where there is no such item, or the truth knows none of them.
    """
    done = AblationSet()
    vectors: dict[Model, dict[Photo, list[Floats]]] = {model: {} for model in parts.clips}
    texts: dict[Text, list[str]] = {}
    by_photo: list[bool] = []
    boxes_known = any(known.box is not None for known in truth.values())
    rule, expected = rule_from(settings.grounding), _expected(catalogue, limit, validation=validation)

    def wanted(item: Item) -> bool:
        return not validation or is_validation(item.id)

    with ThreadPoolExecutor(settings.ingest.workers) as threads:
        for batch in item_photo_batches(catalogue, columns, settings, select=wanted):
            shown = [one for one in batch if one is not None][: limit and limit - len(done.items)]
            photos = _look(done, shown, truth, parts.grounder, rule, boxes_known=boxes_known)
            for model, clip in parts.clips.items():
                for name, rows in _encode(clip, photos, threads):
                    vectors[model].setdefault(name, []).append(rows)
            items = [one.item for one in shown]
            texts.setdefault("raw", []).extend(item.text for item in items)
            if parts.refiner is not None:
                refined = parts.refiner.refine(items, [one.data for one in shown])
                texts.setdefault("refined", []).extend(one.text for one in refined)
                by_photo += [judged(one, settings.refinement.agreement) for one in refined]
            told("photos", len(done.items), expected)
            if limit and len(done.items) >= limit:
                break
    if not done.items:
        raise EvaluationError("no item has both a photo and a title; check --map with `vlclip ingest`")
    if truth and all(known is UNKNOWN for known in done.truth):
        raise EvaluationError("the truth knows none of these items; give the one of this catalogue (--truth)")
    for model, clip in parts.clips.items():
        shown_as = {photo: np.concatenate(rows) for photo, rows in vectors[model].items()}
        done.models[model] = Encoded(
            shown_as, _encode_texts(clip, texts), np.array(by_photo, dtype=bool) if any(by_photo) else None
        )
    return done


def _look(
    done: AblationSet,
    shown: Sequence[ItemPhoto],
    truth: Mapping[str, Truth],
    grounder: Grounder | None,
    rule: Rule,
    *,
    boxes_known: bool,
) -> dict[Photo, list[Image.Image]]:
    """A batch's photos by how they are shown; what is known and found of them is added to `done`."""
    photos = [one.photo for one in shown]
    known = [truth.get(one.item.id, UNKNOWN) for one in shown]
    done.items.extend(replace(one.item, image=None) for one in shown)
    done.truth.extend(known)
    done.worn.extend(_worn(photo, one) for photo, one in zip(photos, known, strict=True))
    out: dict[Photo, list[Image.Image]] = {"full": photos}
    if grounder is not None:
        found = grounder.locate(photos, [one.item.product_type for one in shown])
        crops = [choose(box, photo.size, rule) for box, photo in zip(found, photos, strict=True)]
        done.found.extend(found)
        done.cropped.extend(crop is not None for crop in crops)
        out["crop"] = [cut(photo, crop) for photo, crop in zip(photos, crops, strict=True)]
    if boxes_known:
        sure = replace(rule, threshold=0.0, min_area=0.0)
        true = [Detection(one.box, 1.0) if one.box else None for one in known]
        crops = [choose(box, photo.size, sure) for box, photo in zip(true, photos, strict=True)]
        out["box"] = [cut(photo, crop) for photo, crop in zip(photos, crops, strict=True)]
    return out


def _encode(
    clip: Clip, photos: Mapping[Photo, Sequence[Image.Image]], threads: ThreadPoolExecutor
) -> Iterator[tuple[Photo, Floats]]:
    whole = photos["full"]
    full = clip.encode_prepared(list(threads.map(clip.prepare, whole)))
    for name, shown in photos.items():
        rows = [row for row, photo in enumerate(shown) if photo is not whole[row]]
        vectors = full.copy()
        if rows:
            vectors[rows] = clip.encode_prepared(
                list(threads.map(clip.prepare, (shown[row] for row in rows)))
            )
        yield name, vectors


def _encode_texts(clip: Clip, texts: Mapping[Text, Sequence[str]]) -> dict[Text, Floats]:
    each = dict.fromkeys(one for words in texts.values() for one in words)
    vectors, place = clip.encode_texts(list(each)), {text: row for row, text in enumerate(each)}
    return {kind: vectors[[place[one] for one in words]] for kind, words in texts.items()}


def _worn(photo: Image.Image, known: Truth) -> str:
    if known.scene in SCENES:
        return ""
    small = photo.copy()
    small.thumbnail((LOOKED_AT, LOOKED_AT))
    return "worn" if shows_wearer(np.asarray(small)) else "alone"


def _expected(catalogue: Catalogue, limit: int | None, *, validation: bool) -> int | None:
    rows = catalogue.total()
    if rows is None:
        return limit
    rows = round(rows * VALIDATION_SHARE) if validation else rows
    return min(rows, limit) if limit else rows


def _written(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
