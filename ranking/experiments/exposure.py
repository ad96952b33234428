"""Exposures: what was shown to whom, by which arm, and with what probability. Replay and learning read them.

Laws (tests/ranking/experiments/test_exposures.py):
- an exposure is read back as it was written, through SQLite and through Parquet;
- a list without exploration has propensities of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vlclip.ranking.lists.request import ListKind


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One item at its position in a list: `parts` add up to `score`.

    `propensity` is the probability of this item at this position, given the items above it. `variants` are
    the other items of its group when it was shown as the card of all: a click on one is a click on the card.
    """

    item: str
    score: float
    parts: Mapping[str, float]
    propensity: float = 1.0
    variants: tuple[str, ...] = ()


class Packed(NamedTuple):
    """What the log keeps of these items and this context, ready to be written again and again."""

    items: tuple[ShownItem, ...]
    context: Mapping[str, Any]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One list that was served; `time` is in seconds since 1970, UTC.

    `arm` is `id@hash`. `context` is the request, as JSON values: anchor, text, weights, filter, exclude.
    `offset` is the number of results before the first of `items`. `candidates` are the items whose order
    chance decided, each with its score, best first. Without exploration there are none, and `temperature` is
    0.
    """

    request_id: str
    time: float
    kind: ListKind
    unit: str
    arm: str
    items: tuple[ShownItem, ...]
    experiment: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    offset: int = 0
    candidates: tuple[tuple[str, float], ...] = ()
    temperature: float = 0.0
    packed: Packed | None = field(default=None, repr=False, compare=False)
