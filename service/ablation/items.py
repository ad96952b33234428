"""A catalogue as an ablation needs it: every item's photos, texts and boxes, encoded by every model.

A photo is read and decoded once. Decoded photos are released batch by batch; vectors stay. A crop that is
the whole photo has the whole photo's vector, and equal texts have one vector: two equal inputs never differ
by the rounding of another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlclip.engine.encoding.loading import ClipEncoder
from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.grounding.grounder import Detection, Grounder
from vlclip.engine.grounding.rule import Rule, choose, cut
from vlclip.engine.item import Item
from vlclip.engine.refinement.agreement import judged
from vlclip.engine.refinement.refined import Refiner
from vlclip.engine.space import Floats
from vlclip.engine.training.held_out import VALIDATION_SHARE, is_validation
from vlclip.ingestion.datasets.item_photos import ItemPhoto, item_photo_batches
from vlclip.ingestion.datasets.truth import Truth
from vlclip.ingestion.reading.catalogue import Catalogue
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.ablation.boxes import Boxes
from vlclip.ranking.evaluation.ablation.measurement import Encoded, Model, Photo, Text
from vlclip.ranking.evaluation.ablation.wearer import shows_wearer
from vlclip.service.settings import Settings

WEARER_PIXELS = 160
"""The longer side of a photo in which `shows_wearer` looks for a person."""
SCENES = ("packshot", "cluttered")
"""Scenes that we compose ourselves: they have no person in them."""
NO_BOX = (np.nan,) * 4
UNKNOWN = Truth()

Progress = Callable[[str, int, int | None], None]
"""Gets what is being done, how many are done, and of how many, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSource:
    """The items to read: the first `limit` of a catalogue, or of those that training keeps back."""

    catalogue: Catalogue
    columns: ColumnMapping
    truth: Mapping[str, Truth]
    validation: bool = False
    limit: int | None = None

    def takes(self, item: Item) -> bool:
        """Whether the item is of the part to judge."""
        return not self.validation or is_validation(item.id)

    def expected(self) -> int | None:
        """About how many items there will be; None where the catalogue does not know its size."""
        rows = self.catalogue.total()
        if rows is None:
            return self.limit
        rows = round(rows * VALIDATION_SHARE) if self.validation else rows
        return min(rows, self.limit) if self.limit else rows


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes the rows: models by name, and a grounder and a refiner where there are some."""

    clips: Mapping[Model, ClipEncoder]
    grounder: Grounder | None = None
    refiner: Refiner | None = None


@dataclass(frozen=True, slots=True)
class AblationSet:
    """n items that have a title and a photo; everything is in the order of `items`.

    `detections` are the grounder's best boxes, `cropped` whether the rule trusts them. `worn` is "worn" or
    "alone", or "" where the photo is composed.
    """

    items: list[Item] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    detections: list[Detection | None] = field(default_factory=list)
    cropped: list[bool] = field(default_factory=list)
    worn: list[str] = field(default_factory=list)
    models: dict[Model, Encoded] = field(default_factory=dict)

    @property
    def detected_boxes(self) -> Boxes:
        """`(n, 4)` x0 y0 x1 y1 in pixels, NaN without a detection."""
        boxes = [detection.box if detection else NO_BOX for detection in self.detections]
        return np.array(boxes, dtype=np.float64)

    @property
    def true_boxes(self) -> Boxes:
        """`(n, 4)`, NaN where they are not known."""
        return np.array([truth.box or NO_BOX for truth in self.truth], dtype=np.float64)

    @property
    def scores(self) -> NDArray[np.float64]:
        """`(n,)`, NaN without a detection."""
        scores = [detection.score if detection else np.nan for detection in self.detections]
        return np.array(scores, dtype=np.float64)

    def values(self, name: str) -> list[str]:
        """Every item's value of a field, "" where it has none."""
        return [_text_of(item.payload().get(name)) for item in self.items]


def read_set(
    source: ItemSource, parts: Parts, settings: Settings, progress: Progress = lambda *_: None
) -> AblationSet:
    """The items of `source` that have a title and a photo, read and encoded.

    Photos are encoded in full, as the crop where there is a grounder, and as the true box, padded like a
    crop, where the truth has boxes; an item without a true box keeps its whole photo there.
    Errors: `EvaluationError` where there is no such item, or the truth knows none of them.
    """
    collected, expected = AblationSet(), source.expected()
    views = _Views(parts.grounder, rule_from(settings.grounding), source.truth)
    vectors: dict[Model, dict[Photo, list[Floats]]] = {model: {} for model in parts.clips}
    texts = _Texts(parts.refiner, settings.refinement.agreement)
    with ThreadPoolExecutor(settings.ingest.workers) as threads:
        for batch in item_photo_batches(source.catalogue, source.columns, settings, select=source.takes):
            room = None if source.limit is None else source.limit - len(collected.items)
            entries = [entry for entry in batch if entry is not None][:room]
            photos = views.of_batch(entries, collected)
            for model, clip in parts.clips.items():
                for photo, rows in _encode(clip, photos, threads):
                    vectors[model].setdefault(photo, []).append(rows)
            texts.add(entries)
            progress("photos", len(collected.items), expected)
            if source.limit is not None and len(collected.items) >= source.limit:
                break
    if not collected.items:
        raise EvaluationError("no item has both a photo and a title; check --map with `vlclip ingest`")
    if source.truth and all(truth is UNKNOWN for truth in collected.truth):
        raise EvaluationError(
            "the truth file has none of these items; give the file of this catalogue (--truth)"
        )
    for model, clip in parts.clips.items():
        by_photo = {photo: np.concatenate(rows) for photo, rows in vectors[model].items()}
        collected.models[model] = Encoded(by_photo, _encode_texts(clip, texts.by_kind), texts.judged())
    return collected


@dataclass(frozen=True, slots=True)
class _Views:
    """Makes the views of a batch's photos: full, crop and true box."""

    grounder: Grounder | None
    rule: Rule
    truth: Mapping[str, Truth]

    def of_batch(
        self, entries: Sequence[ItemPhoto], collected: AblationSet
    ) -> dict[Photo, list[Image.Image]]:
        """The photos of a batch by view; its items, truths and detections are added to `collected`."""
        photos = [entry.photo for entry in entries]
        truths = [self.truth.get(entry.item.id, UNKNOWN) for entry in entries]
        collected.items.extend(replace(entry.item, image=None) for entry in entries)
        collected.truth.extend(truths)
        collected.worn.extend(_worn(photo, truth) for photo, truth in zip(photos, truths, strict=True))
        views: dict[Photo, list[Image.Image]] = {"full": photos}
        if self.grounder is not None:
            detections = self.grounder.locate(photos, [entry.item.product_type for entry in entries])
            views["crop"], cropped = _cut(photos, detections, self.rule)
            collected.detections.extend(detections)
            collected.cropped.extend(cropped)
        if any(truth.box is not None for truth in self.truth.values()):
            every_box = replace(self.rule, threshold=0.0, min_area=0.0)
            true = [Detection(truth.box, 1.0) if truth.box else None for truth in truths]
            views["box"], _ = _cut(photos, true, every_box)
        return views


@dataclass(slots=True)
class _Texts:
    """Collects the texts of items by kind, and which refined texts a photo may overrule."""

    refiner: Refiner | None
    agreement: Literal["llm", "all"]
    by_kind: dict[Text, list[str]] = field(default_factory=dict)
    by_photo: list[bool] = field(default_factory=list)

    def add(self, entries: Sequence[ItemPhoto]) -> None:
        """Add the texts of a batch."""
        items = [entry.item for entry in entries]
        self.by_kind.setdefault("raw", []).extend(item.text for item in items)
        if self.refiner is not None:
            refined = self.refiner.refine(items, [entry.data for entry in entries])
            self.by_kind.setdefault("refined", []).extend(text.text for text in refined)
            self.by_photo += [judged(text, self.agreement) for text in refined]

    def judged(self) -> NDArray[np.bool_] | None:
        """As `Encoded.judged`."""
        return np.array(self.by_photo, dtype=bool) if any(self.by_photo) else None


def _cut(
    photos: Sequence[Image.Image], detections: Sequence[Detection | None], rule: Rule
) -> tuple[list[Image.Image], list[bool]]:
    """Each photo as the rule crops it, and whether it does."""
    crops = [choose(box, photo.size, rule) for box, photo in zip(detections, photos, strict=True)]
    views = [cut(photo, crop) for photo, crop in zip(photos, crops, strict=True)]
    return views, [crop is not None for crop in crops]


def _encode(
    clip: ClipEncoder, photos: Mapping[Photo, Sequence[Image.Image]], threads: ThreadPoolExecutor
) -> Iterator[tuple[Photo, Floats]]:
    whole = photos["full"]
    full = clip.encode_prepared(list(threads.map(clip.prepare, whole)))
    for name, views in photos.items():
        rows = [row for row, view in enumerate(views) if view is not whole[row]]
        vectors = full.copy()
        if rows:
            prepared = threads.map(clip.prepare, (views[row] for row in rows))
            vectors[rows] = clip.encode_prepared(list(prepared))
        yield name, vectors


def _encode_texts(clip: ClipEncoder, texts: Mapping[Text, Sequence[str]]) -> dict[Text, Floats]:
    distinct = list(dict.fromkeys(text for by_item in texts.values() for text in by_item))
    vectors, place = clip.encode_texts(distinct), {text: row for row, text in enumerate(distinct)}
    return {kind: vectors[[place[text] for text in by_item]] for kind, by_item in texts.items()}


def _worn(photo: Image.Image, truth: Truth) -> str:
    if truth.scene in SCENES:
        return ""
    small = photo.copy()
    small.thumbnail((WEARER_PIXELS, WEARER_PIXELS))
    return "worn" if shows_wearer(np.asarray(small)) else "alone"


def _text_of(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
