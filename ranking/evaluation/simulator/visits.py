"""How shoppers come: visits at random times, each about one taste, each with some lists asked for.

Visits begin by a Poisson process, are of one of the shoppers, each as likely, and about one of their tastes,
by its share. What is asked about is one of the items nearest to the taste, each as likely; it does not depend
on what was shown before.

Laws (tests/ranking/evaluation/simulator/test_visits.py):
- times rise, and lists of a visit are of one shopper and one taste;
- the first 100 of 1000 are the 100; the same seed asks the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import islice

import numpy as np

from vlclip.ranking.evaluation.simulator.shoppers import Shoppers
from vlclip.ranking.experiments.exposure import ListKind
from vlclip.ranking.settings import DAY_S


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """A list is asked for at `time`, in seconds since 1970, by a shopper who has one of their tastes in mind.

    `visit`, `shopper` and `taste` are numbers from 0, the taste's among all. `anchor` is the item asked
    about, `text` the words searched for; "" where the kind has none. `number` counts all requests from 0.
    """

    time: float
    visit: int
    shopper: int
    taste: int
    kind: ListKind
    anchor: str = ""
    text: str = ""
    number: int = 0


def draw_requests(shoppers: Shoppers, count: int) -> Iterator[Request]:
    """The first `count` requests of a shop, by time; memory holds the visits that are under way."""
    return islice((replace(one, number=number) for number, one in enumerate(_endless(shoppers))), count)


def _endless(shoppers: Shoppers) -> Iterator[Request]:
    world = shoppers.world
    rng = np.random.default_rng([world.seed, 1])
    begins, visit = world.start, 0
    under_way: list[Request] = []
    while True:
        begins += rng.exponential(DAY_S / world.visits_per_day)
        while under_way and under_way[0].time < begins:
            yield heappop(under_way)
        for one in _visit(shoppers, begins, visit, rng):
            heappush(under_way, one)
        visit += 1


def _visit(shoppers: Shoppers, time: float, visit: int, rng: np.random.Generator) -> Iterator[Request]:
    world, catalogue = shoppers.world, shoppers.catalogue
    shopper = int(rng.integers(world.shoppers))
    own = slice(shoppers.first[shopper], shoppers.first[shopper + 1])
    taste = int(own.start + rng.choice(own.stop - own.start, p=shoppers.shares[own]))
    kinds = list(world.kinds)
    chances = np.array([world.kinds[kind] for kind in kinds])
    for _ in range(rng.geometric(1 / world.requests)):
        kind: ListKind = kinds[rng.choice(len(kinds), p=chances / chances.sum())]
        row = rng.choice(shoppers.near[taste])
        text = catalogue.titles[row] if kind == "search" else ""
        if kind == "search" and not text.strip():
            kind = "similar"  # there are no words to search by
        anchor = catalogue.ids[row] if kind == "similar" else ""
        yield Request(time, visit, shopper, taste, kind, anchor, text)
        time += rng.exponential(world.pause_s)
