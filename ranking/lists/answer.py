"""What the recommender answers, and which part of the ranking it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from vlclip.engine.filters import Filter
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.variants import Variants
from vlclip.ranking.settings import GroupBy, Search

LEXICAL = "lexical"
"""The score part, and the weight, of words that match (BM25), beside the segments' names."""
HISTORY = "history"
"""The score part, and the weight, of the shopper's profile beside a question."""
POPULAR = "popular"
"""The score part of popular items, in lists for shoppers without events."""

EVERYTHING = Filter()

Strategy = Literal["content", "history", "popular"]
"""What a list was made from: the question alone, also the shopper's events, or the events of others."""


@dataclass(frozen=True, slots=True)
class Result:
    """One item of a list: `parts` add up to `score`; `item` are its stored fields.

    The parts are computed at their first use, for the whole list at once: they need the vectors, and
    reading these takes a fifth of the time of a list. `duplicates` are the ids of items with a near-duplicate
    photo that this item stands for. `propensity` is the probability of this item at this place, given the
    items above it; 1 without exploration. `variants` are those of the item's group, in a grouped list.
    `title` is what its card is called: as the product of the variants, else as the item.
    """

    id: str
    score: float
    explain: Callable[[], Mapping[str, float]] = field(repr=False, compare=False)
    item: Mapping[str, Any]
    duplicates: tuple[str, ...] = ()
    propensity: float = 1.0
    variants: Variants | None = None

    @property
    def parts(self) -> Mapping[str, float]:
        """The parts of the score by name: those of the segments, and the terms added to them."""
        return self.explain()

    @property
    def others(self) -> tuple[str, ...]:
        """The other items of its group, for which its card stands."""
        members = self.variants.members if self.variants else ()
        return tuple(member for member in members if member != self.id)

    @property
    def title(self) -> str:
        """What the card is called, "" where neither the product nor the item has a title."""
        return (self.variants and self.variants.title) or str(self.item.get("title") or "")


@dataclass(frozen=True, slots=True)
class Taste:
    """One interest of a shopper: its share of their history, and the items it was made from."""

    weight: float
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer(Sequence[Result]):
    """Results, best first, and how they were made.

    `weights` are those of the parts of the score. `explored` are the candidates whose order chance decided,
    each with its score; empty without exploration. `has_groups` says that items of the store have groups,
    whether the list is grouped or not.
    """

    results: tuple[Result, ...]
    arm: Arm
    strategy: Strategy = "content"
    weights: Mapping[str, float] = field(default_factory=dict)
    tastes: tuple[Taste, ...] = ()
    explored: tuple[tuple[str, float], ...] = ()
    has_groups: bool = False

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, index: int | slice) -> Result | tuple[Result, ...]:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of the ranking to return, and which items to rank.

    With `collapse`, only the best of items with near-duplicate photos is ranked. `diversity` is from 0, pure
    relevance, to 1, pure variety; None leaves it to the arm. `group_by` None leaves it to the arm, else to
    the settings; `with_variants` reads what is known of a card's variants. With `among`, only these items are
    ranked, and they score what they would score among all. `exact` compares every vector and does not use
    the index: slow, for checks of the index.
    """

    limit: int | None = None
    offset: int = 0
    filter: Filter = EVERYTHING
    exclude: Sequence[str] = ()
    collapse: bool | None = None
    diversity: float | None = None
    among: Sequence[str] | None = None
    exact: bool = False
    group_by: GroupBy | None = None
    with_variants: bool = True

    def collapses(self, search: Search) -> bool:
        """Whether near-duplicates are shown as one: `collapse`, or the setting if it is None."""
        return search.collapse if self.collapse is None else self.collapse


FIRST = Page()
