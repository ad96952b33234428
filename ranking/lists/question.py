"""What a list is made for: a question in the fused space, and the conditions on its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlclip.engine.filters import Condition, Filter, parse_clauses
from vlclip.engine.space import Floats
from vlclip.ranking.lists.answer import LEXICAL, Page, Strategy, Taste
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.grouping import GROUP


@dataclass(frozen=True, slots=True)
class Direction:
    """One vector to search by: the question's, and the shopper's profile beside it, `(size,)` each."""

    question: Floats
    profile: Floats | None = None

    @property
    def query(self) -> Floats:
        """The sum of both, for one search."""
        return self.question if self.profile is None else self.question + self.profile

    def scaled(self, factor: float) -> Direction:
        """The same direction with its scores multiplied by `factor`."""
        scale = np.float32(factor)
        return Direction(self.question * scale, None if self.profile is None else self.profile * scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that decides what is in a list.

    `key` names the question, so that every page of its list uses the same random draws. `anchor` is the
    hash of a photo; items with near-duplicates of it are left out. `text` are words to match. `shares` are
    the popular items, where these come first. If the list `is_grouped`, it has one item of each group, and
    none of the `hidden_groups`.
    """

    key: str
    directions: Sequence[Direction]
    weights: Mapping[str, float]
    page: Page
    arm: Arm
    shopper: str
    exclude: tuple[str, ...]
    anchor: str = ""
    text: str = ""
    strategy: Strategy = "content"
    tastes: tuple[Taste, ...] = ()
    shares: Mapping[str, float] | None = None
    is_grouped: bool = False
    hidden_groups: tuple[str, ...] = ()

    @property
    def lexical(self) -> float:
        """The weight of matching words; 0 without words."""
        return self.weights[LEXICAL] if self.text else 0.0

    @property
    def filter(self) -> Filter:
        """The conditions of the request, of the arm, and of groups that are hidden."""
        rules = self.arm.rules
        if not (rules.include or rules.exclude or self.hidden_groups):
            return self.page.filter
        included = parse_clauses(rules.include).conditions
        excluded = [opposite(condition) for condition in parse_clauses(rules.exclude).conditions]
        groups = (Condition(GROUP, "not", self.hidden_groups),) if self.hidden_groups else ()
        return Filter((*self.page.filter.conditions, *included, *excluded, *groups))

    @property
    def narrowed(self) -> Filter:
        """The filter, and the page's `among`."""
        among = self.page.among
        if among is None:
            return self.filter
        return Filter((*self.filter.conditions, Condition("id", "any", tuple(among))))


def opposite(condition: Condition) -> Condition:
    """The condition that holds exactly where this one does not; it must not be a range."""
    if condition.operator == "missing":
        return replace(condition, values=(not condition.values[0],))
    return replace(condition, operator="not" if condition.operator == "any" else "any")
