"""What was shown to whom, by which arm, and how probable it was: what replay and learning read.

Laws (tests/ranking/experiments/test_exposures.py):
- what is written is read back equal, through SQLite and through Parquet;
- a list without exploration has propensities of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vlclip.ranking.lists.request import ListKind


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One item at its position: `parts` add up to `score`.

    `propensity` is the probability of this item at this position, given the ones above it.
    """

    item: str
    score: float
    parts: Mapping[str, float]
    propensity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One list that was served; `time` is in seconds since 1970, UTC.

    `arm` is `id@hash`. `context` says what was asked, as JSON values: anchor, text, weights, filter,
    exclude. `offset` is how many results came before the first of `items`. `candidates` are those that
    exploration dealt with, each with the score it dealt by, best first; empty without exploration, and
    `temperature` 0.
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
