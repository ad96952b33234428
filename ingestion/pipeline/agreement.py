"""Whether the model knows a catalogue: how often the words of an item find its own photo.

Laws (tests/ingestion/pipeline/test_agreement.py):
- the sample of items is the same whatever their order;
- an item whose words, or whose photo, are those of another item is right with that one's photo too;
- words that say nothing of the photos agree as chance does; words that are the photos always do.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import comb

import numpy as np

from vlclip.engine.encoding.embedder import SAME
from vlclip.engine.item import point_id
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Store, StoreInfo
from vlclip.ingestion.reading.entry import Entry

SAMPLE = 500
"""Items whose words look for their photos."""
FEWEST = 40
"""Items below which the figure would say nothing."""
TOP = 5
POOR = 0.3
"""Share of the hits beyond chance below which a model hardly knows a catalogue. `vlclip-small` has 0.95 on
the fashion products it was trained for, 0.88 on drawn ones, 0.12 to 0.2 on outdoor gear; shuffled titles
have 0."""
SAME_PHOTO = 0.9999
"""Cosine from which two photos are the same."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """HITS@5: the share of `items` whose words have their own photo among the five nearest of all.

    `chance` is what words that say nothing of the photos would give.
    """

    items: int
    hits: float
    chance: float

    @property
    def is_poor(self) -> bool:
        """Whether the model hardly knows the catalogue."""
        return (self.hits - self.chance) / (1 - self.chance) < POOR if self.chance < 1 else False


@dataclass(slots=True)
class AgreementSample:
    """The ids of up to `SAMPLE` items with photo and title, chosen by their point ids alone."""

    _heap: list[tuple[int, str]] = field(default_factory=list)

    def add(self, entries: Iterable[Entry]) -> None:
        """Consider the items that were embedded now."""
        for entry in entries:
            if entry.outcome != "embedded" or not entry.has_photo or not (entry.item and entry.item.title):
                continue
            rank = (-int(point_id(entry.id).replace("-", "")[:12], 16), entry.id)
            if len(self._heap) < SAMPLE:
                heapq.heappush(self._heap, rank)
            elif rank > self._heap[0]:
                heapq.heapreplace(self._heap, rank)

    @property
    def ids(self) -> list[str]:
        """The chosen items, in an order that depends on them alone."""
        return [item_id for _, item_id in sorted(self._heap, reverse=True)]


def can_judge(info: StoreInfo) -> bool:
    """Whether words and photos of a store lie in one space."""
    return info.encoders.get("text") in (SAME, info.encoders.get("image"))


def judge(store: Store, ids: Sequence[str]) -> Agreement | None:
    """The agreement of words and photos of these items; None where they are too few or in two spaces."""
    if len(ids) < FEWEST or not can_judge(store.info):
        return None
    records = store.retrieve(ids, fields=("provenance",), with_vector=True)
    rows = [
        (record.vector, str((record.payload.get("provenance") or {}).get("text", "")))
        for item_id in ids
        if (record := records.get(item_id)) is not None and record.vector is not None
    ]
    if len(rows) < FEWEST:
        return None
    spans = store.info.space.slices()
    vectors = np.stack([vector for vector, _ in rows])
    return agreement(vectors[:, spans["text"]], vectors[:, spans["image"]], [text for _, text in rows])


def agreement(words: Floats, photos: Floats, texts: Sequence[str]) -> Agreement:
    """HITS@5 of unit rows `(n, d)` of words and photos, and what chance would give."""
    count = len(texts)
    codes = np.unique([" ".join(text.lower().split()) for text in texts], return_inverse=True)[1]
    right = (codes[:, None] == codes[None, :]) | (photos @ photos.T > SAME_PHOTO)
    scores = words @ photos.T
    best = np.where(right, scores, -np.inf).max(axis=1)
    ahead = ((scores > best[:, None]) & ~right).sum(axis=1)
    wrong = count - right.sum(axis=1)
    draws = comb(count, min(TOP, count))
    chance = [1 - comb(int(others), min(TOP, count)) / draws for others in wrong]
    return Agreement(count, float((ahead < TOP).mean()), float(np.mean(chance)))
