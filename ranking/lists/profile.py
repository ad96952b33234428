"""A shopper's events as directions of the fused space, and how several of them share one list.

Laws (tests/ranking/lists/test_profile.py):
- no liked item, no interest; a single one is an interest equal to its vector;
- an event of an item that is gone, or whose kind counts nothing, changes nothing, not even the others' age;
- every segment of an interest is of unit length or zeros, shares add up to 1, and no two interests have
  an item in common;
- with `apart = -1` there is one interest, the weighted mean of all that is liked;
- of two items that an interest liked equally, the one more like a disliked item now scores lower;
- a dislike never turns an interest against its item: the item's score falls, though not below 0;
- dislikes that have nothing in common with an interest leave it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from vlclip.engine.space import Floats, FusedSpace
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.statistics.arrays import Values

PLACES = 10
"""Of a list, how many are shared out among a shopper's interests."""
VANISHED = 1e-6
"""A sum so much shorter than what was summed has no direction."""


@dataclass(frozen=True, slots=True)
class Interest:
    """A direction: `vector` `(size,)` fused, its share of the history, and the items it came from."""

    vector: Floats
    weight: float
    items: tuple[str, ...]


def interests(
    events: Sequence[Event], vectors: Mapping[str, Floats], space: FusedSpace, settings: Profile
) -> list[Interest]:
    """What a shopper likes, from their events, newest first: at most `settings.interests`, heaviest first.

    `vectors` are the fused vectors `(size,)` of the items that are still there. An event weighs what its
    kind counts, halved every `half_life` events; events of one item add up, and an item whose sum is
    below 0 is disliked. Liked items are clustered and the heaviest clusters kept, as Pal et al. do
    (PinnerSage, 2020), here by average linkage: clusters with a mean cosine below `apart` are not joined.
    What is disliked is taken from the interest nearest to it (Rocchio 1971), at most as much as that has.
    """
    weights = item_weights(events, vectors, settings)
    liked = [item for item, weight in weights.items() if weight > 0]
    if not liked:
        return []
    spans = tuple(space.slices().values())
    rows = _rows(vectors, liked)
    pulls = np.array([weights[item] for item in liked])
    groups = _clusters(rows, settings.apart)
    groups = sorted(groups, key=lambda group: -pulls[group].sum())[: settings.interests]
    sums = np.stack([pulls[group] @ rows[group] for group in groups])
    shares = [float(pulls[group].sum()) for group in groups]
    disliked = [item for item, weight in weights.items() if weight < 0]
    pushes = np.zeros_like(sums)
    if disliked:
        away = _rows(vectors, disliked)
        centres = [_direction(total, share, spans) for total, share in zip(sums, shares, strict=True)]
        nearest = np.argmax(away @ np.stack(centres).T, axis=1)
        np.add.at(pushes, nearest, -np.array([[weights[item]] for item in disliked]) * away)
    directions = []
    for group, total, push, share in zip(groups, sums, pushes, shares, strict=True):
        vector = _direction(_pushed(total, push, spans), share, spans)
        if len(group) == 1 and not push.any():
            vector = rows[group[0]]
        if vector.any():
            heaviest = sorted(group, key=lambda row: (-pulls[row], row))
            directions.append((vector, share, tuple(liked[row] for row in heaviest)))
    whole = sum(share for _, share, _ in directions)
    return [Interest(vector.astype(np.float32), share / whole, items) for vector, share, items in directions]


def item_weights(
    events: Sequence[Event], vectors: Mapping[str, Floats], settings: Profile
) -> dict[str, float]:
    """What each item that counts weighs, newest first; below 0 where it is disliked."""
    weights: dict[str, float] = {}
    rank = 0
    for event in events[: settings.events]:
        counts = settings.kinds.get(event.kind, 0.0)
        if not counts or event.item not in vectors or not vectors[event.item].any():
            continue
        weights[event.item] = weights.get(event.item, 0.0) + counts * 0.5 ** (rank / settings.half_life)
        rank += 1
    return weights


def factors(scores: Iterable[Floats], weights: Sequence[float]) -> list[float]:
    """What each interest's query is scaled by, so that they share the first `PLACES` places by weight.

    `scores` are of each interest's best items, at least as many as it has places, in any order. Scaled, the
    last of them reaches the level of the heaviest interest's last, whose own factor is 1. Where scores are
    not over 0 there is nothing to scale, and the factor is 1.
    """
    shares = zip(scores, places(weights), strict=True)
    last = [float(np.sort(best)[-min(count, len(best))]) if len(best) else 0.0 for best, count in shares]
    level = last[int(np.argmax(weights))]
    return [level / best if best > 0 and level > 0 else 1.0 for best in last]


def places(weights: Sequence[float]) -> list[int]:
    """How many of the first `PLACES` places each interest has: one, and the rest by weight (Sainte-Laguë)."""
    counts = [1] * len(weights)
    while sum(counts) < PLACES:
        counts[max(range(len(counts)), key=lambda n: weights[n] / (2 * counts[n] + 1))] += 1
    return counts


def _clusters(rows: Values, apart: float) -> list[list[int]]:
    """Rows that belong together, in the order of their first."""
    if len(rows) == 1:
        return [[0]]
    lengths = np.linalg.norm(rows, axis=1)
    distances = np.clip(1 - rows @ rows.T / np.outer(lengths, lengths), 0, 2)
    tree = linkage(distances[np.triu_indices(len(rows), 1)], "average")
    labels = fcluster(tree, 1 - apart, "distance")
    return [np.flatnonzero(labels == label).tolist() for label in dict.fromkeys(labels.tolist())]


def _direction(total: Values, pull: float, spans: Sequence[slice]) -> Values:
    """A sum of vectors with every segment of unit length, or zeros where nothing is left of it."""
    scaled = np.zeros_like(total)
    for span in spans:
        length = np.linalg.norm(total[span])
        if length > VANISHED * pull:
            scaled[span] = total[span] / length
    return scaled


def _pushed(total: Values, push: Values, spans: Sequence[slice]) -> Values:
    """`total` less `push`, in each segment at most what it has in that direction."""
    remaining = total.copy()
    for span in spans:
        common, length = float(total[span] @ push[span]), float(push[span] @ push[span])
        if common > 0:
            remaining[span] -= min(1.0, common / length) * push[span]
    return remaining


def _rows(vectors: Mapping[str, Floats], items: Sequence[str]) -> Values:
    return np.stack([vectors[item] for item in items]).astype(np.float64)
