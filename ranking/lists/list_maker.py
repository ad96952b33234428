"""Makes the list that answers a question, with the parts of every score.

Laws: those of the recommender (tests/ranking/lists/test_recommender.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from vlclip.engine.filters import Condition, Filter
from vlclip.engine.space import Floats
from vlclip.engine.store.cache.fields import JsonFields
from vlclip.engine.store.store import Hit, Query, Record, Store
from vlclip.ranking.errors import EmptyQuery
from vlclip.ranking.lists.answer import HISTORY, POPULAR, Answer, Result
from vlclip.ranking.lists.arrangement import FEW_VARIANTS, Arrangement, Arranger, PlacedItem, Spread
from vlclip.ranking.lists.candidates import WHOLE, Candidates, Matching, Nearest
from vlclip.ranking.lists.exploration import stable_rng
from vlclip.ranking.lists.group_cache import GroupCache
from vlclip.ranking.lists.grouping import GROUP, best_of_groups, group_of
from vlclip.ranking.lists.popularity import MostPopular
from vlclip.ranking.lists.profile import PLACES, factors
from vlclip.ranking.lists.question import Direction, Question
from vlclip.ranking.lists.variants import Variants
from vlclip.ranking.settings import Search

T = TypeVar("T")


class ListMaker:
    """Makes lists from one store."""

    def __init__(self, store: Store, search: Search) -> None:
        self._store, self._settings, self._groups = store, search, GroupCache(store)
        self._spread = Spread()

    def answer(self, question: Question, now: float) -> Answer:
        """The list; `now` is in seconds since 1970. `EmptyQuery` if there is nothing to compare."""
        if not any(direction.query.any() for direction in question.directions) and not question.lexical:
            raise EmptyQuery(
                "nothing is left to compare: the weights are 0, or the item has no segment that has a weight"
            )
        if len(question.directions) > 1:
            question = self._shared(question)
        arranger = self._arranger(question, now)
        limit = self._settings.limit if question.page.limit is None else question.page.limit
        end = question.page.offset + limit
        explored: tuple[tuple[str, float], ...] = ()
        is_plain = arranger.is_plain and not (question.lexical or question.shares or question.arm.rules.pins)
        results = None
        if is_plain and len(question.directions) == 1 and not question.page.offset:
            results = self._plain(question, limit)
        if results is None:
            pins, groups = self._pins(question, arranger)
            below_pins = replace(question, hidden_groups=(*question.hidden_groups, *groups))
            candidates = self._candidates(below_pins, arranger, [pin.id for pin in pins])
            below = arranger.arrange(candidates, end - len(pins)) if end > len(pins) else Arrangement(())
            placed = [*pins, *below.placed][question.page.offset : end]
            results, explored = self._results(question, placed, below.records), below.explored
        return Answer(
            tuple(self._with_variants(question, results)), question.arm, question.strategy,
            question.weights, question.tastes, explored, self._store.has_field(GROUP),
        )  # fmt: skip

    def _with_variants(self, question: Question, results: Sequence[Result]) -> Sequence[Result]:
        """The results with what is known of the variants that each stands for."""
        if not question.is_grouped or not question.page.with_variants:
            return results
        groups = [group for result in results if (group := group_of(result.item))]
        variants = self._groups.variants(groups)
        return [_with_title(result, variants.get(group_of(result.item))) for result in results]

    def _shared(self, question: Question) -> Question:
        """The question with its directions scaled so that they share the first places by their weights."""
        scales = factors(self._best_scores(question), [taste.weight for taste in question.tastes])
        directions = [
            direction.scaled(scale) for direction, scale in zip(question.directions, scales, strict=True)
        ]
        return replace(question, directions=directions)

    def _best_scores(self, question: Question) -> list[Floats]:
        """The scores of each direction's best items, of one item a group in a grouped list."""
        depth = PLACES * (FEW_VARIANTS if question.is_grouped else 1)
        while True:
            queries = [
                Query(
                    vector=direction.query, limit=depth, filter=question.filter, exclude=question.exclude,
                    exact=question.page.exact, fields=(GROUP if question.is_grouped else "id",),
                )
                for direction in question.directions
            ]  # fmt: skip
            lists = self._store.search(queries)
            cards = lists
            if question.is_grouped:
                cards = [[hits[row] for row in best_of_groups(hit.payload for hit in hits)] for hits in lists]
            if all(len(best) >= PLACES or len(hits) < depth for best, hits in zip(cards, lists, strict=True)):
                return [np.array([hit.score for hit in best[:PLACES]]) for best in cards]
            depth *= 4

    def _arranger(self, question: Question, now: float) -> Arranger:
        page, arm = question.page, question.arm
        if page.diversity is not None:
            arm = arm.model_copy(
                update={"diversity": arm.diversity.model_copy(update={"amount": page.diversity})}
            )

        def draw() -> np.random.Generator:
            day = datetime.fromtimestamp(now, UTC).date().isoformat()
            return stable_rng(question.key, question.shopper, arm.id, day)

        return Arranger(
            arm=arm,
            now=now,
            collapse_distance=self._settings.collapse_distance if page.collapses(self._settings) else None,
            anchor=question.anchor,
            is_grouped=question.is_grouped,
            spread=self._spread,
            draw=draw,
            read=partial(self._store.retrieve, with_vector=True),
        )

    def _plain(self, question: Question, limit: int) -> list[Result] | None:
        """The top of the ranking by a single search; None if its last item ties with the next one.

        Many items share a photo or a text, so ties happen. Which of the tied items an engine returns depends
        on the limit of the search.
        """
        query = Query(
            vector=question.directions[0].query, limit=limit + 1, filter=question.narrowed,
            exclude=question.exclude, exact=question.page.exact, with_vector=True,
        )  # fmt: skip
        ranking = self._store.search([query])[0]
        if len(ranking) > limit and ranking[limit].score == ranking[limit - 1].score:
            return None
        hits = sorted(ranking[:limit], key=lambda hit: (-hit.score, hit.id))
        parts = _Once(lambda: self._parts(question.directions[0], _vectors(hits)))
        return [
            Result(hit.id, hit.score, partial(_row, parts, row), _fields(hit.payload))
            for row, hit in enumerate(hits)
        ]

    def _candidates(self, question: Question, arranger: Arranger, pins: Sequence[str]) -> Candidates:
        narrowed, exclude = question.narrowed, (*question.exclude, *pins)
        if question.lexical:
            return Matching(
                store=self._store, direction=question.directions[0].query, text=question.text,
                weight=question.lexical, filter=narrowed, exclude=exclude, fields=arranger.fields,
                least=self._settings.pool // 2, best=self._best_match(question, exclude),
                exact=question.page.exact,
            )  # fmt: skip
        nearest = Nearest(
            store=self._store, directions=[direction.query for direction in question.directions],
            filter=narrowed, exclude=exclude, fields=arranger.fields,
            whole=max(WHOLE, arranger.arm.diversity.window + 1 if arranger.arm.diversity.amount else 0),
            exact=question.page.exact,
        )  # fmt: skip
        return MostPopular(shares=question.shares, nearest=nearest) if question.shares else nearest

    def _best_match(self, question: Question, exclude: tuple[str, ...]) -> float | None:
        """The best BM25 score of any item that the filter lets in, if the page ranks only some of them."""
        if question.page.among is None:
            return None
        query = Query(text=question.text, limit=1, filter=question.filter, exclude=exclude, fields=("id",))
        return max((hit.score for hit in self._store.search([query])[0]), default=0.0)

    def _pins(self, question: Question, arranger: Arranger) -> tuple[list[PlacedItem], list[str]]:
        """The arm's pins that the filter lets through, in their order, and their groups in a grouped list."""
        pins = question.arm.rules.pins
        if not pins:
            return [], []
        among = Filter((*question.narrowed.conditions, Condition("id", "any", pins)))
        query = Query(
            vector=question.directions[0].query, limit=len(pins), filter=among, exclude=question.exclude,
            exact=True, fields=arranger.fields,
        )  # fmt: skip
        hits = {hit.id: hit for hit in self._store.search([query])[0]}
        pinned = [hits[pin] for pin in dict.fromkeys(pins) if pin in hits]
        terms = arranger.boosts([hit.payload for hit in pinned])
        groups = {group_of(hit.payload): None for hit in pinned} if question.is_grouped else {}
        return [
            PlacedItem(hit.id, hit.score, {name: float(term[row]) for name, term in terms.items()})
            for row, hit in enumerate(pinned)
        ], [group for group in groups if group]

    def _results(
        self, question: Question, placed: Sequence[PlacedItem], records: Mapping[str, Record | Hit]
    ) -> list[Result]:
        missing = [item.id for item in placed if item.id not in records]
        by_id: dict[str, Record | Hit] = {
            **records,
            **(self._store.retrieve(missing, with_vector=True) if missing else {}),
        }
        stored = [item for item in placed if item.id in by_id]  # an item may have been deleted meanwhile
        return self._scored(question, [by_id[item.id] for item in stored], stored)

    def _scored(
        self, question: Question, records: Sequence[Hit | Record], placed: Sequence[PlacedItem]
    ) -> list[Result]:
        """The results with all parts of their scores: segments, history, and what the arm added."""
        if not records:
            return []
        vectors = _vectors(records)
        by_direction = [self._parts(direction, vectors) for direction in question.directions]
        best = [0] * len(records)
        if len(by_direction) > 1:
            scores = [vectors @ direction.query for direction in question.directions]
            best = np.argmax(scores, axis=0).tolist()
        results = []
        for row, (record, item) in enumerate(zip(records, placed, strict=True)):
            parts = {name: part[row] for name, part in by_direction[best[row]].items()}
            if item.terms:
                if item.terms.get(POPULAR):
                    parts = {}
                parts |= {name: term for name, term in item.terms.items() if name != POPULAR or term}
            explain: Callable[[], Mapping[str, float]] = partial(dict, parts)
            score, fields = sum(parts.values()), _fields(record.payload)
            results.append(Result(record.id, score, explain, fields, item.duplicates, item.propensity))
        return results

    def _parts(self, direction: Direction, vectors: Floats) -> dict[str, list[float]]:
        """Each segment's part of the scores of these vectors, and the history's if there is a profile."""
        parts = self._store.info.space.parts(direction.question, vectors)
        if direction.profile is not None:
            parts[HISTORY] = vectors @ direction.profile
        return {name: part.tolist() for name, part in parts.items()}


def _with_title(result: Result, variants: Variants | None) -> Result:
    """The result with its group's variants; they have its own title where they have none in common."""
    if variants is not None and not variants.title:
        variants = replace(variants, title=str(result.item.get("title") or ""))
    return replace(result, variants=variants)


class _Once(Generic[T]):
    """A value that `make` computes at the first call; `make`, and the hits it refers to, are then freed."""

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make

    def __call__(self) -> T:
        make = self._make
        if make is not None:
            self._value = make()
            self._make = None
        return self._value


def _row(columns: Callable[[], Mapping[str, Sequence[float]]], row: int) -> dict[str, float]:
    return {name: column[row] for name, column in columns().items()}


def _fields(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(payload, JsonFields):
        return payload.display
    fields = dict(payload)
    fields.pop("provenance", None)
    return fields


def _vectors(records: Sequence[Hit | Record]) -> Floats:
    """The vectors `(n, size)` of items that were read with them."""
    vectors = [record.vector for record in records]
    assert all(vector is not None for vector in vectors)  # noqa: S101  # with_vector asked for them
    return np.array(vectors)
