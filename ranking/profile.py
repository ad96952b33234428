"""A shopper's events as directions of the fused space: up to so many interests, and what they dislike.

Laws (tests/ranking/test_profile.py):
- no liked item, no interest; a single one is an interest equal to its vector;
- an event of an item that is gone, or whose kind counts nothing, changes nothing, not even the others' age;
- every segment of an interest is of unit length or zeros, shares add up to 1, and no two interests have
  an item in common;
- with `interests = 1` the direction is the weighted mean of all that is liked;
- of two items that an interest liked equally, the one more like a disliked item now scores lower;
- a dislike never turns an interest against its item: the item's score falls, though not below 0;
- dislikes that have nothing in common with an interest leave it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from engine.space import Floats, FusedSpace
from ranking.events import Event
from ranking.experiments.arm import Profile

Rows = NDArray[np.float64]
VANISHED = 1e-6
"""A sum so much shorter than what was summed has no direction."""


@dataclass(frozen=True, slots=True)
class Interest:
    """A direction: `vector` `(size,)` fused, its share of the history, and the items it came from."""

    vector: Floats
    weight: float
    events: tuple[str, ...]


def interests(
    events: Sequence[Event], vectors: Mapping[str, Floats], space: FusedSpace, settings: Profile
) -> list[Interest]:
    """What a shopper likes, from their events, newest first: at most `settings.interests`, heaviest first.

    `vectors` are the fused vectors `(size,)` of the items that are still there. An event weighs what its
    kind counts, halved every `half_life` events; events of one item add up, and an item whose sum is
    below 0 is disliked. Liked items are clustered (Ward 1963, as Pal et al. 2020, PinnerSage, cluster
    actions); of the cuts of the tree the finest is taken whose centres are all less alike than `apart`.
    What is disliked is taken from the interest nearest to it (Rocchio 1971), at most as much as that has.
    """
    weights = item_weights(events, vectors, settings)
    liked = [item for item, weight in weights.items() if weight > 0]
    if not liked:
        return []
    spans = tuple(space.slices().values())
    rows = _rows(vectors, liked)
    pulls = np.array([weights[item] for item in liked])
    groups = _clusters(rows, pulls, spans, settings)
    sums = np.stack([pulls[group] @ rows[group] for group in groups])
    centres = np.stack([_direction(total, pulls.sum(), spans) for total in sums])
    disliked = [item for item, weight in weights.items() if weight < 0]
    pushes = np.zeros_like(sums)
    if disliked:
        away = _rows(vectors, disliked)
        nearest = np.argmax(away @ centres.T, axis=1)
        np.add.at(pushes, nearest, -np.array([[weights[item]] for item in disliked]) * away)
    found = []
    for n, group in enumerate(groups):
        vector = _direction(_pushed(sums[n], pushes[n], spans), pulls[group].sum(), spans)
        if len(group) == 1 and not pushes[n].any():
            vector = rows[group[0]]
        if vector.any():
            heaviest = sorted(group, key=lambda row: (-pulls[row], row))
            found.append((vector, float(pulls[group].sum()), tuple(liked[row] for row in heaviest)))
    whole = sum(weight for _, weight, _ in found)
    found.sort(key=lambda one: -one[1])
    return [Interest(vector.astype(np.float32), weight / whole, items) for vector, weight, items in found]


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


def merge(scores: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The best score of each item over the interests, `(k, n)` to `(n,)`, and whose it is, `(n,)`."""
    whose = np.argmax(scores, axis=0)
    return np.take_along_axis(scores, whose[None], axis=0)[0], whose


def _clusters(rows: Rows, pulls: Rows, spans: Sequence[slice], settings: Profile) -> list[list[int]]:
    """Rows that belong together, in the order of their first."""
    most = min(settings.interests, len(rows))
    tree = linkage(rows, "ward") if most > 1 else None
    for count in range(most, 1, -1):
        labels = fcluster(tree, count, "maxclust")
        groups = [np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())]
        centres = np.stack([_direction(pulls[group] @ rows[group], pulls.sum(), spans) for group in groups])
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), VANISHED)
        alike = centres @ centres.T
        np.fill_diagonal(alike, -1)
        if alike.max() < settings.apart:
            return [group.tolist() for group in groups]
    return [list(range(len(rows)))]


def _direction(total: Rows, pull: float, spans: Sequence[slice]) -> Rows:
    """A sum of vectors with every segment of unit length, or zeros where nothing is left of it."""
    found = np.zeros_like(total)
    for span in spans:
        length = np.linalg.norm(total[span])
        if length > VANISHED * pull:
            found[span] = total[span] / length
    return found


def _pushed(total: Rows, push: Rows, spans: Sequence[slice]) -> Rows:
    """`total` less `push`, in each segment at most what it has in that direction."""
    left = total.copy()
    for span in spans:
        common, length = float(total[span] @ push[span]), float(push[span] @ push[span])
        if common > 0:
            left[span] -= min(1.0, common / length) * push[span]
    return left


def _rows(vectors: Mapping[str, Floats], items: Sequence[str]) -> Rows:
    return np.stack([vectors[item] for item in items]).astype(np.float64)
