"""What each part of a score was weighed by: a part over its weight in force is the raw feature.

That is a cosine, a share of the best BM25, or a boost's share of what it adds at most. A part whose weight
was 0 says nothing about its feature.

Laws (tests/ranking/learning/test_rows.py):
- feature times weight, summed, is the logged score, however often weights were changed;
- a boost of another shape, and a boost of an arm that is not known, say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vlclip.ranking.lists.answer import HISTORY, LEXICAL
from vlclip.ranking.lists.arm import Arm, Boost

BOOST = "boost."


def is_segment(name: str) -> bool:
    """Whether a weight is of a segment of the vectors."""
    return name not in (LEXICAL, HISTORY) and not name.startswith(BOOST)


def boosts_of(arm: Arm) -> dict[str, tuple[Boost, ...]]:
    """An arm's boosts by the part they make together."""
    parts: dict[str, tuple[Boost, ...]] = {}
    for boost in arm.rules.boosts:
        parts[BOOST + boost.field] = (*parts.get(BOOST + boost.field, ()), boost)
    return parts


def total(boosts: Iterable[Boost]) -> float:
    """The size of the weights of boosts that make one part."""
    return float(sum(abs(boost.weight) for boost in boosts))


def segment_sum(weights: Mapping[str, float]) -> float:
    """The sum of the segments' weights."""
    return float(sum(weight for name, weight in weights.items() if is_segment(name)))


def divisors(
    weights: Mapping[str, float],
    own_boosts: Mapping[str, tuple[Boost, ...]],
    boosts: Mapping[str, tuple[Boost, ...]],
) -> dict[str, float]:
    """What each part is to be divided by; 0 where it says nothing.

    The profile beside a question is scaled by the segments' weights too, so its part is over their sum.
    """
    sizes = {name: float(weight) for name, weight in weights.items()}
    if HISTORY in sizes:
        sizes[HISTORY] *= segment_sum(weights)
    same = {name for name, parts in boosts.items() if _form(parts) == _form(own_boosts.get(name, ()))}
    return sizes | {name: total(boosts[name]) if name in same else 0.0 for name in own_boosts}


def _form(boosts: Sequence[Boost]) -> list[tuple[object, ...]]:
    """Boosts but for the size of their weights."""
    whole = total(boosts) or 1.0
    return [(boost.shape, boost.half, round(boost.weight / whole, 9)) for boost in boosts]
