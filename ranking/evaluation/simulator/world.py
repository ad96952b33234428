"""All numbers that a simulated shop is made of, in a form that a report can print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import get_args

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.lists.request import ListKind

PROBABILITIES = ("cart", "purchase")
AT_LEAST_0 = ("seed", "noise", "away", "item_spread", "price", "pause_s")
OVER_0 = ("shoppers", "near", "limit", "visits_per_day", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What shoppers like, how they come, and what they do; docs/simulator.md has the formulas.

    A likeness is in standard deviations over all pairs of a taste and an item of the store. It is 0 for an
    item that is as like a taste as the items that shoppers ask about are on average.

    - `seed`: of all random draws
    - `shoppers`: how many there are
    - `tastes`: the probabilities of having one taste, two, three, …; they sum to 1
    - `noise`: length of the random vector added to an item's segment to make a taste, in segment lengths
    - `likes`: the weight of each segment in a likeness, at least 0; 1 where it is not named
    - `level`: log-odds of attraction, for an item of likeness 0
    - `slope`: log-odds of attraction for each unit of likeness
    - `away`: units of likeness taken from items that fit another taste than that of the visit
    - `item_spread`: standard deviation of an item's own effect on attraction and on satisfaction, log-odds
    - `satisfaction_level`, `satisfaction_slope`: like `level` and `slope`, for satisfaction by a clicked item
    - `cart`: probability that a clicked item that satisfies is put in the cart
    - `purchase`: probability that an item in the cart is bought
    - `price`: for an item that has none, in the shop's currency
    - `kinds`: shares of the kinds of lists that shoppers request, on any scale
    - `near`: a shopper asks about one of this many items nearest to the taste
    - `limit`: places of a list
    - `visits_per_day`: the rate of visits, a Poisson process
    - `requests`: the mean number of lists in a visit, geometric
    - `pause_s`: mean time between two lists of a visit, in seconds, exponential
    - `start`: when the shop opens, in seconds since 1970, UTC
    """

    seed: int = 7
    shoppers: int = 500
    tastes: tuple[float, ...] = (0.5, 0.3, 0.2)
    noise: float = 0.5
    likes: Mapping[str, float] = field(default_factory=dict)
    level: float = -2.0
    slope: float = 1.0
    away: float = 1.0
    item_spread: float = 0.3
    satisfaction_level: float = -1.0
    satisfaction_slope: float = 0.5
    cart: float = 0.4
    purchase: float = 0.5
    price: float = 20.0
    kinds: Mapping[ListKind, float] = field(default_factory=lambda: {"similar": 1.0})
    near: int = 20
    limit: int = 10
    visits_per_day: float = 250.0
    requests: float = 3.0
    pause_s: float = 60.0
    start: float = datetime(2026, 3, 2, tzinfo=UTC).timestamp()

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            self._check(name, 0 <= getattr(self, name) <= 1, "lie between 0 and 1")
        for name in AT_LEAST_0:
            self._check(name, 0 <= getattr(self, name) < math.inf, "be at least 0")
        for name in OVER_0:
            self._check(name, 0 < getattr(self, name) < math.inf, "be over 0")
        self._check("requests", 1 <= self.requests < math.inf, "be at least 1")
        self._check("tastes", _is_shares(self.tastes) and math.isclose(sum(self.tastes), 1), "sum to 1")
        self._check("likes", all(0 <= weight < math.inf for weight in self.likes.values()), "be at least 0")
        kinds = get_args(ListKind)
        self._check(
            "kinds",
            set(self.kinds) <= set(kinds) and _is_shares(tuple(self.kinds.values())),
            f"be shares of {', '.join(kinds)}, not all 0",
        )

    def _check(self, name: str, holds: bool, must: str) -> None:  # noqa: FBT001 - a condition, not a switch
        if not holds:
            raise EvaluationError(f"{name} of the simulated shop is {getattr(self, name)}; it must {must}")


def _is_shares(numbers: tuple[float, ...]) -> bool:
    return all(0 <= number < math.inf for number in numbers) and sum(numbers) > 0
