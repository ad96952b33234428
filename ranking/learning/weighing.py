"""Divisors of the parts of a score: a part divided by its weight in force is the raw feature.

A feature is a cosine, a share of the best BM25, or a share of the most that a boost adds. A part with weight
0 says nothing about its feature.

Laws (tests/ranking/learning/test_rows.py):
- the sum of features times weights is the logged score, however often weights were changed;
- a boost of another shape says nothing, and neither does a boost of an unknown arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vlclip.ranking.lists.answer import HISTORY, LEXICAL
from vlclip.ranking.lists.arm import Arm, Boost

BOOST = "boost."


def is_segment(name: str) -> bool:
    """Whether a weight belongs to a segment of the vectors."""
    return name not in (LEXICAL, HISTORY) and not name.startswith(BOOST)


def boosts_of(arm: Arm) -> dict[str, tuple[Boost, ...]]:
    """An arm's boosts, grouped by the part of the score they add to."""
    parts: dict[str, tuple[Boost, ...]] = {}
    for boost in arm.rules.boosts:
        parts[BOOST + boost.field] = (*parts.get(BOOST + boost.field, ()), boost)
    return parts


def total(boosts: Iterable[Boost]) -> float:
    """The sum of the absolute weights of boosts."""
    return float(sum(abs(boost.weight) for boost in boosts))


def segment_sum(weights: Mapping[str, float]) -> float:
    """The sum of the segments' weights."""
    return float(sum(weight for name, weight in weights.items() if is_segment(name)))


def divisors(
    weights: Mapping[str, float],
    own_boosts: Mapping[str, tuple[Boost, ...]],
    boosts: Mapping[str, tuple[Boost, ...]],
) -> dict[str, float]:
    """The divisor of each part; 0 if the part says nothing.

    The profile beside a question is scaled by the segments' weights too, so its divisor includes their sum.
    """
    sizes = {name: float(weight) for name, weight in weights.items()}
    if HISTORY in sizes:
        sizes[HISTORY] *= segment_sum(weights)
    equal_parts = {name for name, parts in boosts.items() if _form(parts) == _form(own_boosts.get(name, ()))}
    return sizes | {name: total(boosts[name]) if name in equal_parts else 0.0 for name in own_boosts}


def _form(boosts: Sequence[Boost]) -> list[tuple[object, ...]]:
    """The shapes of boosts, with weights relative to their sum."""
    whole = total(boosts) or 1.0
    return [(boost.shape, boost.half, round(boost.weight / whole, 9)) for boost in boosts]
