"""A question to the fused space, answered as a list with the parts of every score.

Laws: those of the recommender (tests/ranking/lists/test_recommender.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from vlclip.engine.filters import Condition, Filter, parse_clauses
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Hit, Query, Record, Store
from vlclip.ranking.errors import EmptyQuery
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, POPULAR, Answer, Page, Result, Strategy, Taste
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.arrangement import Arrangement, Arranging, Placed
from vlclip.ranking.lists.candidates import WHOLE, Candidates, Matching, Nearest
from vlclip.ranking.lists.exploration import stable_rng
from vlclip.ranking.lists.popularity import MostPopular
from vlclip.ranking.lists.profile import PLACES, factors
from vlclip.ranking.settings import Search

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Direction:
    """What is asked of the fused space: the question, and the shopper's profile beside it, `(size,)` each."""

    question: Floats
    profile: Floats | None = None

    @property
    def query(self) -> Floats:
        """Both in one search."""
        return self.question if self.profile is None else self.question + self.profile

    def scaled(self, factor: float) -> Direction:
        """The same way, counting more or less."""
        scale = np.float32(factor)
        return Direction(self.question * scale, None if self.profile is None else self.profile * scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a list is asked for. `key` names it, so that chance falls alike on each of its pages.

    `anchor` is the hash of a photo whose duplicates are left out; `text` are words to match; `shares` are
    the popular items, where these come first.
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

    @property
    def lexical(self) -> float:
        """The weight of matching words."""
        return self.weights[LEXICAL] if self.text else 0.0

    @property
    def filter(self) -> Filter:
        """What the request wants and the arm allows."""
        rules = self.arm.rules
        if not rules.include and not rules.exclude:
            return self.page.filter
        wanted = parse_clauses(rules.include).conditions
        unwanted = [opposite(one) for one in parse_clauses(rules.exclude).conditions]
        return Filter((*self.page.filter.conditions, *wanted, *unwanted))

    @property
    def narrowed(self) -> Filter:
        """The filter, and the page's `among`."""
        among = self.page.among
        if among is None:
            return self.filter
        return Filter((*self.filter.conditions, Condition("id", "any", tuple(among))))


class Lists:
    """Answers questions from one store."""

    def __init__(self, store: Store, search: Search) -> None:
        self._store, self._settings = store, search

    def answer(self, question: Question, now: float) -> Answer:
        """The list; `now` is in seconds since 1970. `EmptyQuery` where there is nothing to compare."""
        if not any(one.query.any() for one in question.directions) and not question.lexical:
            raise EmptyQuery(
                "nothing is left to compare: the weights are 0, or the item lacks what they ask for"
            )
        if len(question.directions) > 1:
            question = self._shared(question)
        arranging = self._arranging(question, now)
        limit = self._settings.limit if question.page.limit is None else question.page.limit
        end = question.page.offset + limit
        explored: tuple[tuple[str, float], ...] = ()
        is_plain = arranging.is_plain and not (question.lexical or question.shares or question.arm.rules.pins)
        results = None
        if is_plain and len(question.directions) == 1 and not question.page.offset:
            results = self._plain(question, limit)
        if results is None:
            pins = self._pins(question, arranging)
            candidates = self._candidates(question, arranging, [pin.id for pin in pins])
            rest = arranging.arrange(candidates, end - len(pins)) if end > len(pins) else Arrangement(())
            placed = [*pins, *rest.placed][question.page.offset : end]
            results, explored = self._results(question, placed, rest.looked_at), rest.explored
        return Answer(
            tuple(results), question.arm, question.strategy, question.weights, question.tastes, explored
        )

    def _shared(self, question: Question) -> Question:
        """The question with its directions scaled so that they share the first places by their weights."""
        asked = [
            Query(
                vector=one.query,
                limit=PLACES,
                filter=question.filter,
                exclude=question.exclude,
                exact=question.page.exact,
                fields=("id",),
            )
            for one in question.directions
        ]
        best = [np.array([hit.score for hit in hits]) for hits in self._store.search(asked)]
        scales = factors(best, [taste.weight for taste in question.tastes])
        directions = [one.scaled(scale) for one, scale in zip(question.directions, scales, strict=True)]
        return replace(question, directions=directions)

    def _arranging(self, question: Question, now: float) -> Arranging:
        page, arm = question.page, question.arm
        if page.diversity is not None:
            arm = arm.model_copy(
                update={"diversity": arm.diversity.model_copy(update={"amount": page.diversity})}
            )

        def draw() -> np.random.Generator:
            day = datetime.fromtimestamp(now, UTC).date().isoformat()
            return stable_rng(question.key, question.shopper, arm.id, day)

        return Arranging(
            arm=arm,
            now=now,
            collapse_distance=self._settings.collapse_distance if page.collapses(self._settings) else None,
            anchor=question.anchor,
            draw=draw,
            look=partial(self._store.retrieve, with_vector=True),
        )

    def _plain(self, question: Question, limit: int) -> list[Result] | None:
        """The top of the ranking itself by one search; None where its last ties with what comes next.

        Many items are copies in one segment, and which of those that tie an engine gives changes with how
        many are asked for.
        """
        asked = Query(
            vector=question.directions[0].query, limit=limit + 1, filter=question.narrowed,
            exclude=question.exclude, exact=question.page.exact, with_vector=True,
        )  # fmt: skip
        found = self._store.search([asked])[0]
        if len(found) > limit and found[limit].score == found[limit - 1].score:
            return None
        hits = sorted(found[:limit], key=lambda hit: (-hit.score, hit.id))
        parts = _Once(lambda: self._parts(question.directions[0], _vectors(hits)))
        return [
            Result(hit.id, hit.score, partial(_row, parts, row), _shown(hit.payload))
            for row, hit in enumerate(hits)
        ]

    def _candidates(self, question: Question, arranging: Arranging, pins: Sequence[str]) -> Candidates:
        asked, exclude = question.narrowed, (*question.exclude, *pins)
        if question.lexical:
            return Matching(
                store=self._store, direction=question.directions[0].query, text=question.text,
                weight=question.lexical, filter=asked, exclude=exclude, fields=arranging.fields,
                least=self._settings.pool // 2, best=self._best_match(question, exclude),
                exact=question.page.exact,
            )  # fmt: skip
        nearest = Nearest(
            store=self._store, directions=[one.query for one in question.directions], filter=asked,
            exclude=exclude, fields=arranging.fields,
            whole=max(WHOLE, arranging.arm.diversity.window + 1 if arranging.arm.diversity.amount else 0),
            exact=question.page.exact,
        )  # fmt: skip
        return MostPopular(shares=question.shares, nearest=nearest) if question.shares else nearest

    def _best_match(self, question: Question, exclude: tuple[str, ...]) -> float | None:
        """The best BM25 score of all, where not all are ranked."""
        if question.page.among is None:
            return None
        asked = Query(text=question.text, limit=1, filter=question.filter, exclude=exclude, fields=("id",))
        return max((hit.score for hit in self._store.search([asked])[0]), default=0.0)

    def _pins(self, question: Question, arranging: Arranging) -> list[Placed]:
        """The arm's pins that the filter lets through, in their order."""
        pins = question.arm.rules.pins
        if not pins:
            return []
        among = Filter((*question.narrowed.conditions, Condition("id", "any", pins)))
        asked = Query(
            vector=question.directions[0].query, limit=len(pins), filter=among, exclude=question.exclude,
            exact=True, fields=arranging.fields,
        )  # fmt: skip
        hits = {hit.id: hit for hit in self._store.search([asked])[0]}
        shown = [hits[pin] for pin in dict.fromkeys(pins) if pin in hits]
        terms = arranging.boosts([hit.payload for hit in shown])
        return [
            Placed(hit.id, hit.score, {name: float(term[row]) for name, term in terms.items()})
            for row, hit in enumerate(shown)
        ]

    def _results(
        self, question: Question, placed: Sequence[Placed], known: Mapping[str, Record | Hit]
    ) -> list[Result]:
        unknown = [one.id for one in placed if one.id not in known]
        found: dict[str, Record | Hit] = {
            **known,
            **(self._store.retrieve(unknown, with_vector=True) if unknown else {}),
        }
        there = [one for one in placed if one.id in found]  # one may have been deleted since
        return self._scored(question, [found[one.id] for one in there], there)

    def _scored(
        self, question: Question, found: Sequence[Hit | Record], placed: Sequence[Placed]
    ) -> list[Result]:
        """The results with the parts of their scores: the segments', the history's, and what was added."""
        if not found:
            return []
        vectors = _vectors(found)
        by_direction = [self._parts(one, vectors) for one in question.directions]
        best = [0] * len(found)
        if len(by_direction) > 1:
            best = np.argmax([vectors @ one.query for one in question.directions], axis=0).tolist()
        results = []
        for row, (one, place) in enumerate(zip(found, placed, strict=True)):
            parts = {name: part[row] for name, part in by_direction[best[row]].items()}
            if place.terms:
                if place.terms.get(POPULAR):
                    parts = {}
                parts |= {name: term for name, term in place.terms.items() if name != POPULAR or term}
            explained: Callable[[], Mapping[str, float]] = partial(dict, parts)
            results.append(
                Result(
                    one.id,
                    sum(parts.values()),
                    explained,
                    _shown(one.payload),
                    place.duplicates,
                    place.propensity,
                )
            )
        return results

    def _parts(self, direction: Direction, vectors: Floats) -> dict[str, list[float]]:
        """Each segment's part of the scores of these vectors, and the history's where there is one."""
        parts = self._store.info.space.parts(direction.question, vectors)
        if direction.profile is not None:
            parts[HISTORY] = vectors @ direction.profile
        return {name: part.tolist() for name, part in parts.items()}


def opposite(condition: Condition) -> Condition:
    """The condition that holds where this one, which is not a range, does not."""
    if condition.operator == "missing":
        return replace(condition, values=(not condition.values[0],))
    return replace(condition, operator="not" if condition.operator == "any" else "any")


class _Once(Generic[T]):
    """What `make` gives, made when it is first wanted; then `make`, and the hits it holds, are let go."""

    __slots__ = ("_given", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make

    def __call__(self) -> T:
        make = self._make
        if make is not None:
            self._given = make()
            self._make = None
        return self._given


def _row(columns: Callable[[], Mapping[str, Sequence[float]]], row: int) -> dict[str, float]:
    return {name: column[row] for name, column in columns().items()}


def _shown(payload: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(payload)
    shown.pop("provenance", None)
    return shown


def _vectors(found: Sequence[Hit | Record]) -> Floats:
    """`(n, size)` of items read with their vectors."""
    vectors = [one.vector for one in found]
    assert all(vector is not None for vector in vectors)  # noqa: S101  # asked for by with_vector
    return np.array(vectors)
