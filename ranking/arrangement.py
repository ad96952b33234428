"""From the best candidates to the list that is shown: boosts, duplicates, caps, diversity, chance.

Laws (tests/ranking/test_arrangement.py):
- an arm without knobs leaves the ranking as it is;
- page two continues page one, whatever the arm;
- boosted, the list is what boosting every item of the store would have given;
- caps and collapsing hold over the whole list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.duplicates import stored_hash
from ranking.boosts import boost_terms, most_boost, settled
from ranking.candidates import Candidates, Pool, Scores
from ranking.collapse import collapse
from ranking.diversity import diversify
from ranking.experiments.arm import Arm
from ranking.exploration import sample

Rows = NDArray[np.intp]

DIVERSITY = "diversity"
"""The score part of what variety takes away."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An item at its place: what was added to its score by name, and the propensity of its place."""

    id: str
    score: float
    terms: Mapping[str, float] = field(default_factory=dict)
    propensity: float = 1.0
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The list from its top; `explored` are the candidates that chance dealt with, and their scores."""

    placed: Sequence[Placed]
    explored: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranging:
    """How a ranking becomes a list. `window` is how many of the best diversity may move.

    `collapse_distance` is None where duplicates stay; `anchor` is the hash of a photo whose duplicates
    are left out. `now` is in seconds since 1970.
    """

    arm: Arm
    window: int
    now: float
    collapse_distance: int | None = None
    anchor: str = ""
    draw: Callable[[], np.random.Generator] = np.random.default_rng

    @property
    def fields(self) -> tuple[str, ...]:
        """The payload fields that this looks at."""
        boosted = [boost.field for boost in self.arm.rules.boosts]
        collapsing = ["provenance"] if self.collapse_distance is not None else []
        return tuple(dict.fromkeys([*collapsing, *boosted, *self.arm.diversity.at_most]))

    @property
    def is_plain(self) -> bool:
        """Whether the list is the ranking itself."""
        arm = self.arm
        return not (self.fields or arm.diversity.amount or arm.exploration.temperature)

    def arrange(self, candidates: Candidates, end: int) -> Arrangement:
        """The first `end` of the list, or all of it."""
        needed = max(end, self.window if self.arm.diversity.amount else 0)
        if self.arm.exploration.temperature:
            needed = max(needed, self.arm.exploration.depth)
        # of those that tie with the last one some may not be there; of the others some may not be kept
        depth = 2 * needed if self.fields else needed + 1
        while True:
            pool = candidates.pool(depth)
            ranked = self._boosted(pool)
            kept, duplicates = self._kept(ranked)
            if len(kept) >= needed or pool.floor is None:
                return self._placed(ranked.rows(kept), duplicates, end)
            depth *= 2

    def boosts(self, payloads: Sequence[Mapping[str, Any]]) -> dict[str, Scores]:
        """What the arm's boosts add to the scores of these items, `(n,)` each, as parts `boost.FIELD`."""
        terms = boost_terms(self.arm.rules.boosts, payloads, self.now)
        return {f"boost.{name}": term for name, term in terms.items()}

    def _boosted(self, pool: Pool) -> Pool:
        """The items that no other one can come before, with boosts, best first."""
        boosts = self.arm.rules.boosts
        if not boosts or not pool.ids:
            return pool
        terms = self.boosts(pool.payloads)
        scores = pool.scores + np.sum(list(terms.values()), axis=0)
        order = np.flatnonzero(settled(scores, pool.floor, most_boost(boosts))).tolist()
        order.sort(key=lambda row: (-scores[row], pool.ids[row]))
        return replace(pool, scores=scores, terms={**pool.terms, **terms}).rows(order)

    def _kept(self, ranked: Pool) -> tuple[Rows, dict[str, list[str]]]:
        """The rows that are shown, and by id whom they stand for: one of each photo, few of each label."""
        shown: dict[str, list[str]] = {item_id: [] for item_id in ranked.ids}
        if self.collapse_distance is not None:
            hashes = {
                item_id: stored_hash(payload)
                for item_id, payload in zip(ranked.ids, ranked.payloads, strict=True)
            }
            shown = collapse(hashes, self.collapse_distance, self.anchor)
        met = Counter[tuple[str, str]]()
        rows = []
        for row, (item_id, payload) in enumerate(zip(ranked.ids, ranked.payloads, strict=True)):
            labels = {
                (name, str(payload[name])): most
                for name, most in self.arm.diversity.at_most.items()
                if payload.get(name) not in (None, "")
            }
            if item_id in shown and all(met[label] < most for label, most in labels.items()):
                met.update(labels.keys())
                rows.append(row)
        return np.array(rows, dtype=np.intp), shown

    def _placed(self, ranked: Pool, duplicates: Mapping[str, Sequence[str]], end: int) -> Arrangement:
        """Diversity and chance; both look at as many candidates on every page."""
        amount, chance = self.arm.diversity.amount, self.arm.exploration
        scores, terms, order = ranked.scores, ranked.terms, np.arange(len(ranked.ids))
        if amount and ranked.vectors is not None:
            window = min(self.window, len(order))
            wanted = max(end, chance.depth if chance.temperature else 0)
            picked, varied = diversify(scores[:window], ranked.vectors[:window], amount, wanted)
            term = np.zeros(len(scores))
            term[picked] = varied
            scores, terms = scores + term, {**terms, DIVERSITY: term}
            order = np.concatenate([picked, order[window:]]) if len(picked) == window else picked
        propensity = np.ones(len(order))
        explored: tuple[tuple[str, float], ...] = ()
        if chance.temperature:
            dealt = order[: chance.depth]
            drawn, chances = sample(scores[dealt], chance.temperature, self.draw(), len(dealt))
            explored = tuple((ranked.ids[row], float(scores[row])) for row in dealt)
            order = np.concatenate([dealt[drawn], order[chance.depth :]])
            propensity[: len(dealt)] = chances
        placed = [
            Placed(
                ranked.ids[row],
                float(scores[row]),
                {name: float(term[row]) for name, term in terms.items()},
                float(likely),
                tuple(duplicates[ranked.ids[row]]),
            )
            for row, likely in zip(order[:end], propensity[:end], strict=True)
        ]
        return Arrangement(placed, explored)
