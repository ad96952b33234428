"""How shoppers come: visits at random times, each about one taste, each with one or more lists requested.

Visits begin by a Poisson process. Each is of one shopper, all of them equally likely, and about one of the
shopper's tastes, by its share. It asks about one of the items nearest to the taste, all equally likely; the
choice does not depend on what was shown before.

Laws (tests/ranking/evaluation/simulator/test_visits.py):
- times rise, and the lists of a visit are of one shopper and one taste;
- the first 100 of 1000 steps are the 100 steps drawn alone; the same seed draws the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count, islice

import numpy as np

from vlclip.ranking.evaluation.simulator.shoppers import Shoppers
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.request import ListKind, ListRequest
from vlclip.ranking.settings import DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitStep:
    """A list that a shopper requests at `time`, in seconds since 1970, with one of their tastes in mind.

    `visit`, `shopper` and `taste` are numbers from 0, the taste's among all tastes. `number` counts the steps
    of all visits from 0.
    """

    time: float
    visit: int
    shopper: int
    taste: int
    request: ListRequest
    number: int = 0


def draw_steps(shoppers: Shoppers, limit: int) -> Iterator[VisitStep]:
    """The first `limit` steps of a shop, by time; memory holds only the visits that are under way."""
    return islice((replace(step, number=number) for number, step in enumerate(_endless(shoppers))), limit)


def _endless(shoppers: Shoppers) -> Iterator[VisitStep]:
    world = shoppers.world
    rng = np.random.default_rng([world.seed, 1])
    begins, serial = world.start, count()
    under_way: list[tuple[float, int, VisitStep]] = []
    for visit in count():
        begins += rng.exponential(DAY_S / world.visits_per_day)
        while under_way and under_way[0][0] < begins:
            yield heappop(under_way)[-1]
        for step in _visit(shoppers, begins, visit, rng):
            heappush(under_way, (step.time, next(serial), step))


def _visit(shoppers: Shoppers, time: float, visit: int, rng: np.random.Generator) -> Iterator[VisitStep]:
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
            kind = "similar"  # the item has no words to search by
        request = ListRequest(
            kind=kind,
            anchor=catalogue.ids[row] if kind == "similar" else "",
            text=text,
            unit=unit_of(f"{world.seed}-{shopper}"),  # another seed has other units
            page=Page(limit=world.limit, with_variants=False),
        )
        yield VisitStep(time=time, visit=visit, shopper=shopper, taste=taste, request=request)
        time += rng.exponential(world.pause_s)
