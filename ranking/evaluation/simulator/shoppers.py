"""Shoppers with tastes over the fused space: how much each is attracted by each item.

    likeness(item, taste) = (Σ like_s · cos(item_s, taste_s) / Σ like_s - centre) / deviation
    fit(item) = max over the shopper's tastes of likeness - away · [it is not the taste of this visit]
    attraction = logistic(level + slope · fit + effect(item))
    satisfaction = logistic(satisfaction_level + satisfaction_slope · fit + other effect(item))

A taste is the vector of a real item with noise added, each segment of unit length. Several points in the
space of items, one for each interest, follow Pal et al., "PinnerSage", KDD 2020. `centre` is the mean
likeness over each taste's nearest items, so that large and small shops are clicked alike. `deviation` is that
of all items.

Laws (tests/ranking/evaluation/simulator/test_shoppers.py):
- an item nearer to a taste attracts more, all else being equal; nothing attracts with certainty;
- likeness has mean 0 over the items that shoppers ask about, and deviation 1 over all items;
- an item's effect follows from the seed and its id alone;
- the same seed gives the same shoppers, another seed other shoppers.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from scipy.special import expit, ndtri

from vlclip.engine.space import Floats, unit
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.simulator.catalogue import Catalogue
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.statistics.arrays import Indices, Values

AT_ONCE = 100
"""How many tastes are compared with all items at a time."""
ALIKE = 1e-6
"""A deviation of cosines below this is rounding alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoppers:
    """Shopper s has the tastes `first[s]` to `first[s + 1]`, t in all, over a catalogue of n items.

    `tastes` `(t, size)` are scaled so that their dot product with an item is the likeness before `centre`
    and `deviation`. `shares` `(t,)` say how often a visit is about a taste; those of one shopper sum to 1.
    `near` `(t, near)` are the rows of the items most like a taste, nearest first. `effects` `(2, n)` are the
    items' own effects on attraction and on satisfaction, in log-odds.
    """

    world: World
    catalogue: Catalogue
    first: Indices
    tastes: Floats
    shares: Values
    near: Indices
    centre: float
    deviation: float
    effects: Values

    def fit(self, shopper: int, taste: int, rows: Indices) -> Values:
        """How well items fit a shopper on a visit about one of their tastes, `(len(rows),)`, in deviations.

        `taste` is the number of the taste among all tastes.
        """
        own = slice(self.first[shopper], self.first[shopper + 1])
        likeness = (self.catalogue.vectors[rows] @ self.tastes[own].T - self.centre) / self.deviation
        elsewhere = np.arange(own.start, own.stop) != taste
        best: Values = (likeness - self.world.away * elsewhere).max(axis=1).astype(np.float64)
        return best

    def attraction(self, fit: Values, rows: Indices) -> Values:
        """The probability that a shopper who looks at an item clicks it, `(len(rows),)`."""
        world = self.world
        chances: Values = expit(world.level + world.slope * fit + self.effects[0, rows])
        return chances

    def satisfaction(self, fit: Values, rows: Indices) -> Values:
        """The probability that a clicked item satisfies the shopper, `(len(rows),)`."""
        world = self.world
        odds = world.satisfaction_level + world.satisfaction_slope * fit + self.effects[1, rows]
        chances: Values = expit(odds)
        return chances


def draw_shoppers(catalogue: Catalogue, world: World) -> Shoppers:
    """The shoppers of a world in a shop; `EvaluationError` where all items are alike."""
    rng = np.random.default_rng([world.seed, 0])
    counts = 1 + rng.choice(len(world.tastes), size=world.shoppers, p=world.tastes)
    first = np.concatenate([[0], np.cumsum(counts)])
    shares = rng.exponential(size=first[-1])
    shares /= np.repeat(np.add.reduceat(shares, first[:-1]), counts)
    sources = catalogue.vectors[rng.choice(catalogue.whole, size=first[-1])]
    tastes = _scaled(_noisy(catalogue, sources, world.noise, rng), catalogue, world)
    near, centre, deviation = _nearest(catalogue, tastes, min(world.near, len(catalogue.whole) - 1))
    if deviation < ALIKE:
        raise EvaluationError("all items are alike to all shoppers; let `likes` count another segment")
    return Shoppers(
        world=world, catalogue=catalogue, first=first, tastes=tastes, shares=shares, near=near,
        centre=centre, deviation=deviation, effects=world.item_spread * _normals(catalogue, world.seed),
    )  # fmt: skip


def _noisy(catalogue: Catalogue, sources: Floats, noise: float, rng: np.random.Generator) -> Floats:
    """Items' vectors with noise in a random direction added to each segment they have; unit segments."""
    directions = rng.normal(size=sources.shape).astype(np.float32)
    moved = {}
    for name, span in catalogue.space.slices().items():
        there = np.any(sources[:, span] != 0, axis=1, keepdims=True)
        moved[name] = sources[:, span] + np.float32(noise) * there * unit(directions[:, span])
    return catalogue.space.item_vectors(moved, len(sources))


def _scaled(tastes: Floats, catalogue: Catalogue, world: World) -> Floats:
    """Tastes scaled by the weights of the segments, so that a dot product is a mean cosine."""
    names = catalogue.space.names
    likes = catalogue.space.check_weights(
        {name: world.likes.get(name, 1.0) for name in {*names, *world.likes}}
    )
    total = sum(likes.values())
    if not total:
        raise EvaluationError("no segment counts in what shoppers like; name one in `likes`")
    scaled: Floats = tastes * (catalogue.space.scales(likes) / np.float32(total))
    return scaled


def _nearest(catalogue: Catalogue, tastes: Floats, near: int) -> tuple[Indices, float, float]:
    """The whole items nearest to each taste, the mean product with them, and the deviation with all items."""
    near_rows, total, squares, near_total = [], 0.0, 0.0, 0.0
    for start in range(0, len(tastes), AT_ONCE):
        products = tastes[start : start + AT_ONCE] @ catalogue.vectors.T
        total += float(products.sum(dtype=np.float64))
        squares += float(np.square(products, dtype=np.float64).sum())
        whole = products[:, catalogue.whole]
        best = np.argpartition(-whole, near - 1, axis=1)[:, :near]
        products_near = np.take_along_axis(whole, best, axis=1)
        near_total += float(products_near.sum(dtype=np.float64))
        order = np.argsort(-products_near, axis=1, kind="stable")
        near_rows.append(catalogue.whole[np.take_along_axis(best, order, axis=1)])
    count = len(tastes) * len(catalogue.vectors)
    deviation = float(np.sqrt(max(0.0, squares / count - (total / count) ** 2)))
    return np.concatenate(near_rows), near_total / (near * len(tastes)), deviation


def _normals(catalogue: Catalogue, seed: int) -> Values:
    """Two standard normal numbers for each item, `(2, n)`, that follow from seed and id."""
    digests = b"".join(
        blake2b(f"{seed} {item_id}".encode(), digest_size=8).digest() for item_id in catalogue.ids
    )
    numbers = np.frombuffer(digests, dtype=np.uint32).astype(np.float64).reshape(-1, 2).T
    normals: Values = ndtri((numbers + 0.5) / 2**32)
    return normals
