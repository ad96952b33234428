"""A refined text stays only if it agrees with the photo at least as well as the raw text does.

Laws (tests/engine/refinement/test_agreement.py):
- a text equal to the raw one stays; so does every text of an item without a photo or without a raw text;
- where a text does not stay, the item's own text takes its place, under the version of the overruled
  refiner, so that the next run does not ask again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.item import Item
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.space import Floats

ROUNDING = 1e-6
"""Two encodings of one text, in different batches, may differ by this much."""


def keep_better(photos: Floats, raw: Floats, refined: Floats) -> NDArray[np.bool_]:
    """`(n,)`: whether each refined text stays.

    All are CLIP vectors `(n, d)` of unit length, or zeros where there is no photo or text.
    """
    agreement_raw, agreement_refined = (photos * raw).sum(axis=1), (photos * refined).sum(axis=1)
    uncompared = ~photos.any(axis=1) | ~raw.any(axis=1)
    stays: NDArray[np.bool_] = uncompared | (agreement_refined >= agreement_raw - ROUNDING)
    return stays


def judged(text: Refined, agreement: Literal["llm", "all"]) -> bool:
    """Whether the photo decides between a refined text and the item's own, by `refinement.agreement`.

    A language model's text can say what is not there. A text from the item's own fields cannot; letting the
    photo overrule those texts cost more than it saved (docs/refine.md).
    """
    return agreement == "all" or text.by == "llm"


def settle(items: Sequence[Item], refined: Sequence[Refined], preferred: Sequence[bool]) -> list[Refined]:
    """The refined texts, with the item's own where the photo preferred it."""
    return [
        text if stays or text.by == "raw" else _overruled(item, text)
        for item, text, stays in zip(items, refined, preferred, strict=True)
    ]


def _overruled(item: Item, text: Refined) -> Refined:
    reason = text.fallback or "agreement: the photo fits the item's own text better"
    return replace(text, text=item.text, by="raw", fallback=reason, photo_agrees=False)
