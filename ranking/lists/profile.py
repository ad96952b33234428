"""Turns a shopper's events into interests: directions of the fused space that share one list.

Laws (tests/ranking/lists/test_profile.py):
- without liked items there is no interest; a single liked item is an interest equal to its vector;
- an event of an item that is gone, or of a kind that weighs 0, changes nothing, not even the age of others;
- every segment of an interest has unit length or is zeros, shares add up to 1, and no item is in two
  interests;
- with `apart = -1` there is one interest, the weighted mean of all liked items;
- of two items that an interest scored equally, a dislike lowers the one that is more like the disliked item;
- a dislike lowers the score of its item, but never below 0;
- dislikes that have nothing in common with an interest leave it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlclip.engine.space import Floats, FusedSpace
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.statistics.arrays import Values

PLACES = 10
"""The first places of a list, which a shopper's interests share by weight."""
VANISHED = 1e-6
"""A sum of vectors that is shorter than its terms by this factor has no direction."""


@dataclass(frozen=True, slots=True)
class Interest:
    """One interest: its fused `vector` `(size,)`, its share of the history, and the items it comes from."""

    vector: Floats
    weight: float
    items: tuple[str, ...]


def interests(
    events: Sequence[Event], vectors: Mapping[str, Floats], space: FusedSpace, settings: Profile
) -> list[Interest]:
    """A shopper's interests from these events, newest first: at most `settings.interests`, heaviest first.

    `vectors` are the fused vectors `(size,)` of the items that still exist. An event weighs what its kind
    weighs, halved every `half_life` events. The weights of an item's events add up; below 0 the item is
    disliked. Liked items are clustered and the heaviest clusters are used (Pal et al., PinnerSage, 2020),
    here by average linkage: clusters with a mean cosine below `apart` stay apart. A disliked item is
    subtracted from the interest nearest to it (Rocchio 1971), in each segment at most as far as they have in
    common.
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
    """The weight of each item that counts, newest first; below 0 for a disliked item."""
    weights: dict[str, float] = {}
    rank = 0
    for event in events[: settings.events]:
        weight = settings.kinds.get(event.kind, 0.0)
        if not weight or event.item not in vectors or not vectors[event.item].any():
            continue
        weights[event.item] = weights.get(event.item, 0.0) + weight * 0.5 ** (rank / settings.half_life)
        rank += 1
    return weights


def factors(scores: Iterable[Floats], weights: Sequence[float]) -> list[float]:
    """The factor of each interest's query with which they share the first `PLACES` places by weight.

    `scores` are those of each interest's best items, at least as many as it has places, in any order. The
    factor lifts the last item that has a place by the interest to the level of the heaviest interest's last
    item. The heaviest interest has factor 1, and so has one whose score is not over 0.
    """
    shares = zip(scores, places(weights), strict=True)
    last = [float(np.sort(best)[-min(count, len(best))]) if len(best) else 0.0 for best, count in shares]
    level = last[int(np.argmax(weights))]
    return [level / best if best > 0 and level > 0 else 1.0 for best in last]


def places(weights: Sequence[float]) -> list[int]:
    """How many of the first `PLACES` places each interest has: one, and more by weight (Sainte-Laguë)."""
    counts = [1] * len(weights)
    while sum(counts) < PLACES:
        counts[max(range(len(counts)), key=lambda n: weights[n] / (2 * counts[n] + 1))] += 1
    return counts


def _clusters(rows: Values, apart: float) -> list[list[int]]:
    """Groups of rows that belong together, in the order of their first rows."""
    if len(rows) == 1:
        return [[0]]
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415 - half a second, for shoppers alone

    lengths = np.linalg.norm(rows, axis=1)
    distances = np.clip(1 - rows @ rows.T / np.outer(lengths, lengths), 0, 2)
    tree = linkage(distances[np.triu_indices(len(rows), 1)], "average")
    labels = fcluster(tree, 1 - apart, "distance")
    return [np.flatnonzero(labels == label).tolist() for label in dict.fromkeys(labels.tolist())]


def _direction(total: Values, pull: float, spans: Sequence[slice]) -> Values:
    """A sum of vectors with every segment scaled to unit length, or to zeros if it has vanished."""
    scaled = np.zeros_like(total)
    for span in spans:
        length = np.linalg.norm(total[span])
        if length > VANISHED * pull:
            scaled[span] = total[span] / length
    return scaled


def _pushed(total: Values, push: Values, spans: Sequence[slice]) -> Values:
    """`total` less `push`; in each segment at most its component in that direction is subtracted."""
    remaining = total.copy()
    for span in spans:
        common, length = float(total[span] @ push[span]), float(push[span] @ push[span])
        if common > 0:
            remaining[span] -= min(1.0, common / length) * push[span]
    return remaining


def _rows(vectors: Mapping[str, Floats], items: Sequence[str]) -> Values:
    return np.stack([vectors[item] for item in items]).astype(np.float64)
