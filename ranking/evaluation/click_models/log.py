"""A log of lists as arrays: which items stood where, and which were clicked.

Laws (tests/ranking/evaluation/click_models/test_log.py):
- every item of every list stands in the column of its place in the ranking, page two after page one;
- parts of a log have the same numbers for the same items, and no unit is in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.experiments.outcome import Logged
from vlclip.ranking.statistics.arrays import Indices, Mask, Values

PLACES = 50
"""Deeper places are left out: each costs memory in every list, and few look there."""
UNKNOWN = -1
"""The number of an item that is not in the log."""


@dataclass(frozen=True, slots=True)
class NumberedLists:
    """Items by number `(n, K)`, `UNKNOWN` among them, and which places were filled."""

    items: Indices
    filled: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickLog:
    """Lists and what was clicked, all `(n, K)` but `unit` `(n,)`, with numbers from 0.

    `items` are numbers of `names`; they mean nothing where a place is not `filled`. `carts`, `purchases`
    (how many) and `value` (of the purchases, in the shop's currency) are None where the log has none.
    `EvaluationError` for arrays that do not fit each other.
    """

    items: Indices
    clicked: Mask
    filled: Mask
    unit: Indices
    names: tuple[str, ...]
    carts: Values | None = None
    purchases: Values | None = None
    value: Values | None = None

    def __post_init__(self) -> None:
        tables = (self.items, self.clicked, self.filled, self.carts, self.purchases, self.value)
        shapes = {table.shape for table in tables if table is not None}
        if len(shapes) > 1 or self.filled.ndim != 2 or self.unit.shape != self.filled.shape[:1]:
            raise EvaluationError(
                "the tables of a click log differ in shape; give each of them one row a list"
            )
        if not self.filled.any():
            raise EvaluationError("no list of this log has an item; choose lists with items")
        numbers = self.items[self.filled]
        if numbers.min() < 0 or numbers.max() >= len(self.names):
            raise EvaluationError(
                "the log has an item without a name; number the items from 0, in the order of names"
            )
        if (self.clicked & ~self.filled).any():
            raise EvaluationError(
                "the log has clicks on places that are not filled; correct `filled` or `clicked`"
            )

    @property
    def lists(self) -> NumberedLists:
        """The lists without their clicks."""
        return NumberedLists(self.items, self.filled)

    def lists_of(
        self, ranked: Iterable[Sequence[str]], offsets: Sequence[int] | None = None
    ) -> NumberedLists:
        """Other lists, from item names in order, by this log's numbers and cut to its K places.

        `offsets` are how many results come before each list, 0 if None.
        """
        numbers = {name: number for number, name in enumerate(self.names)}
        rows = [[numbers.get(name, UNKNOWN) for name in ranking] for ranking in ranked]
        items = np.full((len(rows), self.filled.shape[1]), UNKNOWN)
        filled = np.zeros(items.shape, dtype=bool)
        for row, (numbered, offset) in enumerate(zip(rows, offsets or [0] * len(rows), strict=True)):
            places = slice(offset, min(offset + len(numbered), items.shape[1]))
            items[row, places] = numbered[: max(0, items.shape[1] - offset)]
            filled[row, places] = True
        return NumberedLists(items, filled)

    def by_item(self, amounts: Values | Mask) -> Values:
        """The sum of amounts `(n, K)` over the places where each item was shown, `(m,)`."""
        amount = amounts[self.filled].astype(np.float64)
        return np.bincount(self.items[self.filled], amount, len(self.names)).astype(np.float64)

    def take(self, rows: NDArray[np.bool_]) -> ClickLog:
        """The part of the log with these lists, `rows` `(n,)`."""
        carts, purchases, value = (
            None if table is None else table[rows] for table in (self.carts, self.purchases, self.value)
        )
        return replace(
            self, items=self.items[rows], clicked=self.clicked[rows], filled=self.filled[rows],
            unit=self.unit[rows], carts=carts, purchases=purchases, value=value,
        )  # fmt: skip

    def split(self, held_out: float, seed: int) -> tuple[ClickLog, ClickLog]:
        """The log without a share of its units, and the lists of the others."""
        units = np.unique(self.unit)
        if len(units) < 2:
            raise EvaluationError("the log has one unit only, so none can be held out; take a longer time")
        count = min(max(1, round(held_out * len(units))), len(units) - 1)
        in_test = np.isin(self.unit, np.random.default_rng(seed).permutation(units)[:count])
        return self.take(~in_test), self.take(in_test)


def click_log(logged: Iterable[Logged], places: int = PLACES) -> ClickLog:
    """The log as arrays of at most its first `places` places; lists without items there are left out.

    A list without a unit is a unit of its own. `EvaluationError` where no list is left.
    """
    names: dict[str, int] = {}
    units: dict[str | int, int] = {}
    unit: list[int] = []
    cells: list[tuple[int, int, int]] = []
    amounts: list[tuple[int, int, int, float]] = []
    for exposure, outcomes in logged:
        hits = list(zip(exposure.items, outcomes, strict=True))[: max(0, places - exposure.offset)]
        for place, (hit, outcome) in enumerate(hits, exposure.offset):
            cells.append((len(unit), place, names.setdefault(hit.item, len(names))))
            amounts.append((outcome.clicks, outcome.carts, outcome.purchases, outcome.value))
        if hits:
            unit.append(units.setdefault(exposure.unit or len(unit), len(units)))
    if not unit:
        raise EvaluationError(f"no list has items in its first {places} places; choose lists that have")
    row, place, item = np.array(cells).T
    tables = np.zeros((4, len(unit), place.max() + 1))
    tables[:, row, place] = np.array(amounts, dtype=np.float64).T
    items = np.zeros(tables.shape[1:], dtype=np.intp)
    items[row, place] = item
    filled = np.zeros(items.shape, dtype=bool)
    filled[row, place] = True
    clicks, carts, purchases, value = tables
    return ClickLog(
        items=items, clicked=clicks > 0, filled=filled, unit=np.array(unit), names=tuple(names),
        carts=carts, purchases=purchases, value=value,
    )  # fmt: skip
