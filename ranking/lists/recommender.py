"""Answers questions with lists: items like one, items that fit words or a photo, items for a shopper.

Laws (tested in tests/ranking/lists/test_recommender.py and test_shopper.py):
- a result's parts add up to its score;
- weight 1 on one segment and 0 on the others ranks as that segment alone;
- neither the anchor nor an excluded item is in the list;
- page two continues page one; every result fits the filter;
- with collapsing, no two results are near-duplicates of each other or of the anchor, and the page is as full
  as the store allows;
- a grouped list has one item of each group, and none of the anchor's or of a hidden item's group;
- an item without a photo or without words still ranks by what it has;
- a shopper's interests share the first places by their weights, and a single interest ranks as it is;
- without events, or with a history weight of 0, a shopper gets the same list as nobody in particular.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vlclip.engine.duplicates import stored_hash
from vlclip.engine.errors import SpaceError
from vlclip.engine.segments import SEGMENT_KINDS
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Store
from vlclip.engine.weights import check_weight
from vlclip.ranking.errors import BadPage, EmptyQuery, UnknownItem
from vlclip.ranking.history.history import History
from vlclip.ranking.lists.answer import FIRST, HISTORY, LEXICAL, Answer, Page, Taste
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.boosts import hidden
from vlclip.ranking.lists.grouping import GROUP, group_of, groups_of
from vlclip.ranking.lists.list_maker import ListMaker
from vlclip.ranking.lists.popularity import Popularity, last_place
from vlclip.ranking.lists.profile import Interest
from vlclip.ranking.lists.question import Direction, Question
from vlclip.ranking.lists.tastes import Tastes
from vlclip.ranking.lists.vectors import Vectors
from vlclip.ranking.settings import Search

if TYPE_CHECKING:
    from PIL import Image

    from vlclip.engine.encoding.embedder import QueryEmbedder

PLAIN = Arm()
REMEMBERED = 1000
"""How many of the newest events are searched for items bought or seen."""

Weights = Mapping[str, float]


class Recommender:
    """Makes lists from one store. The encoder is loaded at the first search; other lists need none.

    Without a `history` every shopper is new.
    """

    def __init__(
        self,
        store: Store,
        load_embedder: Callable[[], QueryEmbedder],
        search: Search,
        history: History | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._load_embedder = load_embedder
        self._settings = search
        self._history = history
        self._clock = clock
        vectors = Vectors(store, clock, search.vectors)
        self._list_maker = ListMaker(store, search)
        self._popularity = Popularity(store, history, clock)
        self._tastes = Tastes(store.info.space, vectors, history, clock)

    @cached_property
    def embedder(self) -> QueryEmbedder:
        """The query-side encoder, loaded once."""
        return self._load_embedder()

    def with_query(self, directions: Mapping[str, Floats]) -> Recommender:
        """The same for one search whose words and photo are encoded already, as `embed_query` does."""
        recommender = copy(self)
        recommender.embedder = _Encoded(directions)
        return recommender

    def similar(
        self,
        item_id: str,
        *,
        weights: Weights | None = None,
        page: Page = FIRST,
        shopper: str = "",
        arm: Arm = PLAIN,
    ) -> Answer:
        """Items like this one, best first, without the item itself and, with collapsing, its duplicates.

        `weights` are by segment name (`image`, `text`, …) and `history`, from 0 to a million; those not named
        are the arm's, or the settings'. `shopper` is a unit (`vlclip.ranking.history.events.unit_of`), whose
        profile is blended in. Errors: `UnknownItem`; `SpaceError`, `FilterError`, `BadPage` for bad
        arguments.
        """
        in_force = self._weights(weights, arm)
        self._check(page)
        is_grouped = self._is_grouped(page, arm)
        needed = {"provenance": page.collapses(self._settings), GROUP: is_grouped}
        fields = tuple(name for name, is_needed in needed.items() if is_needed)
        record = self._store.retrieve([item_id], fields=fields, with_vector=True).get(item_id)
        if record is None or record.vector is None:
            raise UnknownItem(f"no item {item_id!r} in the store; ingest it first or check the id")
        space = self._store.info.space
        question = record.vector * space.scales(self._segments(in_force))
        group = group_of(record.payload)
        return self._blended(
            question, shopper,
            key=f"similar {item_id}", weights=in_force, page=page, arm=arm,
            exclude=(item_id, *page.exclude), anchor=stored_hash(record.payload),
            is_grouped=is_grouped, hidden_groups=(group,) if group else (),
        )  # fmt: skip

    def search(
        self,
        text: str = "",
        *,
        photo: Image.Image | None = None,
        weights: Weights | None = None,
        page: Page = FIRST,
        shopper: str = "",
        arm: Arm = PLAIN,
    ) -> Answer:
        """Items that fit the words, the photo (RGB) or both, best first.

        `weights` are as for `similar`, with `lexical` for matching words. The lexical part is BM25 divided by
        the best BM25 score of any item within the filter, so it lies in [0, weight]. Errors: `EmptyQuery`;
        `SpaceError`, `FilterError`, `BadPage`.
        """
        text = text.strip()
        if not text and photo is None:
            raise EmptyQuery("give words, a photo, or both to search for")
        in_force = self._weights(weights, arm, with_photo=photo is not None)
        self._check(page)
        space = self._store.info.space
        question = space.query_vector(
            self.embedder.embed_query(text=text, photo=photo), self._segments(in_force)
        )
        return self._blended(
            question, shopper,
            key=f"search {text}", weights=in_force, page=page, arm=arm,
            exclude=tuple(page.exclude), text=text, is_grouped=self._is_grouped(page, arm),
        )  # fmt: skip

    def recommend(
        self, shopper: str, *, weights: Weights | None = None, page: Page = FIRST, arm: Arm = PLAIN
    ) -> Answer:
        """Items for a shopper, by their events; without events that count, the popular items.

        An item's score is its best over the shopper's interests, which share the first places by weight
        (`vlclip.ranking.lists.profile.factors`). `weights` are by segment name. Errors: `EmptyQuery` if all
        weights are 0; `SpaceError`, `FilterError`, `BadPage`.
        """
        in_force = self._weights(weights, arm)
        self._check(page)
        interests, events = self._tastes.get(shopper, arm.profile)
        question = Question(
            key="recommendations", directions=(), weights=in_force, page=page, arm=arm, shopper=shopper,
            exclude=tuple(page.exclude), is_grouped=self._is_grouped(page, arm),
        )  # fmt: skip
        segments = self._segments(in_force)
        if not interests:
            popular = self._popularity.get()
            least = min(popular.shares.values(), default=2.0)
            query = last_place(self._store.info.space, popular.typical, segments, least)
            return self._list(
                replace(
                    question, directions=[Direction(query)], shares=popular.shares,
                    strategy="popular" if popular.shares else "content",
                )
            )  # fmt: skip
        if arm.rules.hide_history:
            question = self._without(question, list(dict.fromkeys(event.item for event in events)))
        scales = self._store.info.space.scales(segments)
        directions = [Direction(interest.vector * scales) for interest in interests]
        return self._list(
            replace(question, directions=directions, strategy="history", tastes=_tastes(interests))
        )

    def _blended(
        self, question: Floats, shopper: str, *, weights: Weights, arm: Arm, **question_fields: Any
    ) -> Answer:
        """The list for a question, blended with the interest nearest to it at the history's weight."""
        profile = None
        history_weight = weights[HISTORY]
        interests = self._tastes.get(shopper, arm.profile)[0] if history_weight else []
        if interests:
            scales = self._store.info.space.scales(self._segments(weights))
            queries = [interest.vector * scales for interest in interests]
            nearest = max(range(len(interests)), key=lambda n: float(queries[n] @ question))
            interests, profile = [interests[nearest]], np.float32(history_weight) * queries[nearest]
        return self._list(
            Question(
                directions=[Direction(question, profile)], weights=weights, arm=arm, shopper=shopper,
                strategy="history" if interests else "content", tastes=_tastes(interests), **question_fields,
            )
        )  # fmt: skip

    def _list(self, question: Question) -> Answer:
        """The list, without the items that the arm's rules hide from this shopper."""
        rules = question.arm.rules
        if self._history is not None and question.shopper and (rules.hide_bought or rules.hide_seen):
            events = self._history.recent(question.shopper, REMEMBERED)
            question = self._without(question, sorted(hidden(events, rules)))
        return self._list_maker.answer(question, self._clock())

    def _without(self, question: Question, ids: Sequence[str]) -> Question:
        """The question without these items and, in a grouped list, without their groups."""
        groups = groups_of(self._store, ids) if question.is_grouped else ()
        return replace(
            question,
            exclude=(*question.exclude, *ids),
            hidden_groups=tuple(dict.fromkeys([*question.hidden_groups, *groups])),
        )

    def _is_grouped(self, page: Page, arm: Arm) -> bool:
        """Whether the list has one item of each group: by the request, else the arm, else the settings."""
        group_by = page.group_by or arm.rules.group_by or self._settings.group_by
        return group_by == GROUP and self._store.has_field(GROUP)

    def _segments(self, weights: Weights) -> dict[str, float]:
        return {name: weights[name] for name in self._store.info.space.names}

    def _weights(self, of_request: Weights | None, arm: Arm, *, with_photo: bool = False) -> dict[str, float]:
        """Every part's weight: the request's, else the arm's, else the settings'."""
        settings = self._settings
        weights = {name: settings.part_weight(name) for name in self._store.info.space.names}
        # words beside a photo say what should differ from it; a heavy weight would make the photo irrelevant
        lexical = settings.lexical_weight_with_photo if with_photo else settings.lexical_weight
        weights |= {LEXICAL: lexical, HISTORY: settings.history_weight}
        # an arm may weigh kinds of segments that this store does not have yet
        missing = SEGMENT_KINDS.keys() - weights.keys()
        of_arm = {name: weight for name, weight in arm.weights.items() if name not in missing}
        for name, weight in (of_arm | dict(of_request or {})).items():
            if name not in weights:
                raise SpaceError(f"no weight named {name!r} here; there are: {', '.join(weights)}")
            check_weight(name, weight)
            weights[name] = float(weight)
        return weights

    def _check(self, page: Page) -> None:
        limit, most = self._settings.limit if page.limit is None else page.limit, self._settings.max_limit
        if not 1 <= limit <= most:
            raise BadPage(f"limit is {limit}; it must lie between 1 and {most}")
        if not 0 <= page.offset <= 10_000:
            raise BadPage(f"offset is {page.offset}; it must lie between 0 and 10000")
        if page.diversity is not None and not 0 <= page.diversity <= 1:
            raise BadPage(f"diversity is {page.diversity}; it must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class _Encoded:
    """An encoder of the one query that it has the directions of."""

    directions: Mapping[str, Floats]

    def embed_query(self, **_: object) -> dict[str, Floats]:
        """The directions."""
        return dict(self.directions)


def _tastes(interests: Sequence[Interest]) -> tuple[Taste, ...]:
    return tuple(Taste(interest.weight, interest.items) for interest in interests)
