"""Arranges the best candidates as a list: boosts, duplicates, diversity, caps, chance.

Laws (tests/ranking/lists/test_arrangement.py):
- an arm without knobs leaves the ranking as it is;
- page two continues page one, whatever the arm;
- with boosts, the list is the one that boosting every item of the store would give;
- caps and collapsing hold over the whole list, except for pins: pins stand above the list and do not count
  towards its caps (tests/ranking/lists/test_shopper.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vlclip.engine.duplicates import stored_hash
from vlclip.engine.filters import Condition
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Hit, Record
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.boosts import boost_terms, most_boost, settled
from vlclip.ranking.lists.candidates import WHOLE, Candidates, Nearest, Pool
from vlclip.ranking.lists.collapse import collapse
from vlclip.ranking.lists.diversity import diversify
from vlclip.ranking.lists.exploration import sample
from vlclip.ranking.lists.grouping import GROUP, best_of_groups, group_of
from vlclip.ranking.statistics.arrays import Values

Label = tuple[str, str | float]
"""A capped field and a value of it."""

FEW_VARIANTS = 6
"""Items that are read for each place of a grouped list at first."""
MANY_VARIANTS = 50
"""Items for each place beyond which searches without the groups at hand are cheaper than a deeper search."""

DIVERSITY = "diversity"
"""The score part of what variety takes away."""


class Spread:
    """How many items the latest grouped lists read for each card, so that the next begins as deep.

    It decides how a list is read, not what is in it.
    """

    def __init__(self) -> None:
        self._items = float(FEW_VARIANTS)

    def depth(self, places: int) -> int:
        """Where to begin for this many cards."""
        return math.ceil(places * min(max(1.2 * self._items, FEW_VARIANTS), MANY_VARIANTS))

    def learn(self, depth: int, cards: int) -> None:
        """A pool of this depth had so many cards."""
        if cards:
            self._items += 0.2 * (depth / cards - self._items)


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An item at its place: its score, the terms added to it by name, and the propensity of the place."""

    id: str
    score: float
    terms: Mapping[str, float] = field(default_factory=dict)
    propensity: float = 1.0
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A list from its top.

    `explored` are the candidates whose order chance decided, with their scores. `records` are the items
    whose vectors were read on the way.
    """

    placed: Sequence[PlacedItem]
    explored: tuple[tuple[str, float], ...] = ()
    records: Mapping[str, Record | Hit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranger:
    """Turns a ranking into a list, by the rules of an arm.

    `collapse_distance` is None if duplicates stay; `anchor` is the hash of a photo whose duplicates are left
    out. A list that `is_grouped` has one item of each group of variants. `now` is in seconds since 1970.
    `spread` is shared with other lists. `read` reads items with their vectors.
    """

    arm: Arm
    now: float
    collapse_distance: int | None = None
    anchor: str = ""
    is_grouped: bool = False
    spread: Spread = field(default_factory=Spread)
    draw: Callable[[], np.random.Generator] = np.random.default_rng
    read: Callable[[Sequence[str]], Mapping[str, Record]] = lambda _: {}

    @property
    def fields(self) -> tuple[str, ...]:
        """The payload fields that the rules need."""
        boosted = [boost.field for boost in self.arm.rules.boosts]
        collapsing = ["provenance"] if self.collapse_distance is not None else []
        return tuple(dict.fromkeys([*collapsing, *boosted, *self.caps]))

    @property
    def caps(self) -> Mapping[str, int]:
        """How many items of one value of a field the list may have; of a group, one."""
        at_most = self.arm.diversity.at_most
        return {**at_most, GROUP: 1} if self.is_grouped else at_most

    @property
    def is_plain(self) -> bool:
        """Whether the rules leave the ranking as it is."""
        arm = self.arm
        return not (self.fields or arm.diversity.amount or arm.exploration.temperature)

    def arrange(self, candidates: Candidates, end: int) -> Arrangement:
        """The first `end` items of the list, or all if there are fewer."""
        diversity, exploration = self.arm.diversity, self.arm.exploration
        # diversity and chance choose from the same items on every page
        movable_count = max(
            diversity.window if diversity.amount else 0, exploration.depth if exploration.temperature else 0
        )
        # items that tie with the last one may be missing from the pool, and caps may leave some out
        depth = max(2 * end if self.fields else end + 1, movable_count + 1)
        places = max(movable_count, end)
        if self.is_grouped:
            depth = max(depth, self.spread.depth(places))
        records: dict[str, Record | Hit] = {}
        while True:
            pool = candidates.pool(depth)
            records |= pool.whole
            ranked, duplicates = self._folded(self._boosted(pool))
            if self.is_grouped:
                self.spread.learn(len(pool.ids), len(ranked.ids))
            deeper = self._deeper(depth, len(ranked.ids), places)
            is_too_deep = deeper > MANY_VARIANTS * places and len(ranked.ids) >= movable_count
            if len(ranked.ids) >= places or pool.floor is None or is_too_deep:
                arrangement = self._placed(ranked, duplicates, movable_count, end, records)
                if len(arrangement.placed) == end or pool.floor is None:
                    return arrangement
                if self.collapse_distance is None and isinstance(candidates, Nearest):
                    return self._filled(arrangement, ranked, candidates, end)
            depth = deeper

    def _deeper(self, depth: int, ranked: int, places: int) -> int:
        """The next depth, where one gave `ranked` of the `places` items."""
        if not self.is_grouped:
            return depth * (4 if self.arm.diversity.at_most else 2)
        # as far as groups of the size seen so far take it, and a little further
        enough = math.ceil(1.2 * depth * places / max(1, ranked))
        return min(max(math.ceil(1.5 * depth), enough), 16 * depth)

    def _filled(self, arrangement: Arrangement, ranked: Pool, nearest: Nearest, end: int) -> Arrangement:
        """The list filled up to `end` by searches for what the caps still let in.

        That is cheaper than ever deeper searches. The items that are placed keep their places; the caps keep
        all other items of `ranked` out.
        """
        placed, records = list(arrangement.placed), dict(arrangement.records)
        payloads = dict(zip(ranked.ids, ranked.payloads, strict=True))
        counts = Counter(label for item in placed for label in self._labels(payloads[item.id]))
        depth = WHOLE if self.is_grouped else 0
        while len(placed) < end:
            full = [label for label, times in counts.items() if times == self.caps[label[0]]]
            conditions = [Condition(name, "not", (value,)) for name, value in full]
            below = nearest.without(conditions, [item.id for item in placed])
            depth = max(depth, 2 * (end - len(placed)))
            pool = below.pool(depth)
            records |= pool.whole
            boosted = self._boosted(pool)
            rows = [row for row in range(len(boosted.ids)) if self._lets_in(boosted.payloads[row], counts)]
            placed += [_place(boosted, row) for row in rows[: end - len(placed)]]
            if pool.floor is None:
                break
            depth = depth if rows else 4 * depth
        return replace(arrangement, placed=placed, records=records)

    def boosts(self, payloads: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
        """What the arm's boosts add to the scores of these items: parts `boost.FIELD`, `(n,)` each."""
        terms = boost_terms(self.arm.rules.boosts, payloads, self.now)
        return {f"boost.{name}": term for name, term in terms.items()}

    def _boosted(self, pool: Pool) -> Pool:
        """The items of the pool that no item outside it can overtake, with boosts, best first."""
        boosts = self.arm.rules.boosts
        if not boosts or not pool.ids:
            return pool
        terms = self.boosts(pool.payloads)
        scores = pool.scores + np.sum(list(terms.values()), axis=0)
        order = np.flatnonzero(settled(scores, pool.floor, most_boost(boosts))).tolist()
        order.sort(key=lambda row: (-scores[row], pool.ids[row]))
        return replace(pool, scores=scores, terms={**pool.terms, **terms}).rows(order)

    def _folded(self, ranked: Pool) -> tuple[Pool, Mapping[str, Sequence[str]]]:
        """One item of each group and of each photo, and by its id the ids of its duplicates."""
        if self.is_grouped:
            ranked = ranked.rows(best_of_groups(ranked.payloads))
        if self.collapse_distance is None:
            return ranked, {}
        photos = zip(ranked.ids, map(stored_hash, ranked.payloads), strict=True)
        groups = collapse(dict(photos), self.collapse_distance, self.anchor)
        return ranked.rows([row for row, item_id in enumerate(ranked.ids) if item_id in groups]), groups

    def _placed(
        self,
        ranked: Pool,
        duplicates: Mapping[str, Sequence[str]],
        movable_count: int,
        end: int,
        records: dict[str, Record | Hit],
    ) -> Arrangement:
        """The list after diversity, caps and chance, which reorder only the first `movable_count`."""
        diversity, exploration = self.arm.diversity, self.arm.exploration
        scores, terms, order = ranked.scores, ranked.terms, np.arange(len(ranked.ids))
        if diversity.amount and len(order):
            window = ranked.ids[: diversity.window]
            records |= self.read([item_id for item_id in window if item_id not in records])
            # an item may have been deleted meanwhile
            stored = [row for row, item_id in enumerate(window) if item_id in records]
            vectors = stacked([records[window[row]].vector for row in stored])
            rows = np.array(stored, dtype=np.intp)
            picks, penalties = diversify(scores[rows], vectors, diversity.amount, len(rows))
            term = np.zeros(len(scores))
            term[rows[picks]] = penalties
            scores, terms = scores + term, {**terms, DIVERSITY: term}
            order = np.concatenate([rows[picks], order[diversity.window :]])
        if self.caps:
            counts = Counter[Label]()
            allowed = [row for row in order.tolist() if self._lets_in(ranked.payloads[row], counts)]
            order = np.array(allowed, dtype=np.intp)
        propensity = np.ones(len(order))
        explored: tuple[tuple[str, float], ...] = ()
        if exploration.temperature:
            movable = order[: np.count_nonzero(order < movable_count)][: exploration.depth]
            drawn_order, chances = sample(scores[movable], exploration.temperature, self.draw(), len(movable))
            explored = tuple((ranked.ids[row], float(scores[row])) for row in movable.tolist())
            order = np.concatenate([movable[drawn_order], order[len(movable) :]])
            propensity[: len(movable)] = chances
        scored = replace(ranked, scores=scores, terms=terms)
        placed = [
            _place(scored, row, float(chance), tuple(duplicates.get(ranked.ids[row], ())))
            for row, chance in zip(order[:end].tolist(), propensity[:end], strict=True)
        ]
        return Arrangement(placed, explored, records)

    def _lets_in(self, payload: Mapping[str, Any], counts: Counter[Label]) -> bool:
        """Whether caps let the item in below the labels counted so far; if so, its labels are counted too."""
        labels = self._labels(payload)
        if any(counts[label] >= self.caps[label[0]] for label in labels):
            return False
        counts.update(labels)
        return True

    def _labels(self, payload: Mapping[str, Any]) -> list[Label]:
        """The labels of an item that caps count: every distinct value of each capped field."""
        labels: list[Label] = []
        for name in self.caps:
            value = group_of(payload) if name == GROUP and self.is_grouped else payload.get(name)
            values = value if isinstance(value, list) else [value]
            labels += [
                (name, label) for label in dict.fromkeys(map(_label, values)) if label not in (None, "")
            ]
        return labels


def _label(value: object) -> str | float | None:
    """The value by which labels are compared: 5 and 5.0 are the same, as in the store."""
    if value is None or isinstance(value, str):
        return value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _place(pool: Pool, row: int, propensity: float = 1.0, duplicates: tuple[str, ...] = ()) -> PlacedItem:
    terms = {name: float(term[row]) for name, term in pool.terms.items()}
    return PlacedItem(pool.ids[row], float(pool.scores[row]), terms, propensity, duplicates)


def stacked(vectors: Sequence[Floats | None]) -> Floats:
    """`(n, size)` of the vectors that are not None."""
    return np.array([vector for vector in vectors if vector is not None], dtype=np.float32)
