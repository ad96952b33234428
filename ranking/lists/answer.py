"""What is asked of the recommender beside the question, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from vlclip.engine.filters import Filter
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.settings import Search

LEXICAL = "lexical"
"""The score part, and the weight, of words that match (BM25), beside the segments' names."""
HISTORY = "history"
"""The score part, and the weight, of the shopper's profile beside a question."""
POPULAR = "popular"
"""The score part of what others did, where nothing is known of the shopper."""

EVERYTHING = Filter()

Strategy = Literal["content", "history", "popular"]
"""What a list was made from: the question alone, the shopper's events too, or what others did."""


@dataclass(frozen=True, slots=True)
class Result:
    """One item of a list: `parts` add up to `score`; `item` are its stored fields.

    The parts are worked out when they are looked at, for the whole list at once: they need the vectors,
    and to read those takes a fifth of the time of a list. `duplicates` are the ids of items with a
    near-duplicate photo that this one stands for. `propensity` is the probability of this item at this
    place, given the ones above; 1 without exploration.
    """

    id: str
    score: float
    explain: Callable[[], Mapping[str, float]] = field(repr=False, compare=False)
    item: Mapping[str, Any]
    duplicates: tuple[str, ...] = ()
    propensity: float = 1.0

    @property
    def parts(self) -> Mapping[str, float]:
        """The score's parts by name: the segments', and what else was added."""
        return self.explain()


@dataclass(frozen=True, slots=True)
class Taste:
    """A direction of a shopper's history: its share of it, and the items it came from."""

    weight: float
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer(Sequence[Result]):
    """Results, best first, and how they came about.

    `weights` are those of the question's parts. `explored` are the candidates that chance dealt with,
    each with the score it dealt by; empty without exploration.
    """

    results: tuple[Result, ...]
    arm: Arm
    strategy: Strategy = "content"
    weights: Mapping[str, float] = field(default_factory=dict)
    tastes: tuple[Taste, ...] = ()
    explored: tuple[tuple[str, float], ...] = ()

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
    """What part of the ranking to give, and from which items.

    With `collapse` only the best of items with near-duplicate photos is in the ranking. `diversity`
    is from 0, pure relevance, to 1, pure variety; None leaves it to the arm. With `among` no other items
    are ranked, and these score what they would among all. `exact` compares every vector instead of walking
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

    def collapses(self, search: Search) -> bool:
        """Whether near-duplicates are shown as one: as this says, else as the settings do."""
        return search.collapse if self.collapse is None else self.collapse


FIRST = Page()
