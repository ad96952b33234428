"""A policy: how probable each candidate of a logged list is at each place, by an arm or any other ranker.

An arm orders the logged candidates, which the logging arm drew from. It uses the scores that it gives among
all items, with its boosts, history, diversity and caps; an item that it would never show has probability 0.
Part of the list that the arm would really have given may lie outside the logged candidates. The log says
nothing of how shoppers like these items, so their share is reported too.

Laws (tests/ranking/evaluation/replay/test_policy.py):
- the arm that made a log has the log's own propensities;
- an arm without chance has probability 1 for its own list;
- at each place the candidates' probabilities sum to 1, as long as the arm would show one that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from vlclip.engine.errors import FilterError, VlclipError
from vlclip.ranking.errors import EvaluationError, UnknownItem
from vlclip.ranking.evaluation.replay.as_of import PastShop
from vlclip.ranking.evaluation.replay.logged_list import BAD_FILTER, LoggedList
from vlclip.ranking.evaluation.replay.ranking import Ranking, place_of
from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.lists.exploration import stable_rng
from vlclip.ranking.statistics.arrays import Values

CANDIDATE_GONE = "a candidate is gone from the store"
ANCHOR_GONE = "the item it is about is gone from the store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probabilities:
    """A policy's probabilities for one list of K places, drawn from C candidates.

    `next` `(K, C)` is the probability of each candidate at each place, given the items shown above it.
    `place` `(K,)` is that of the shown item at its place, whatever is above it; None where it is not known.
    `outside` is the share of the policy's own K places that goes to items that were no candidates. `scores`
    `(C,)` are the policy's own, NaN for an item it would not show. `own` are the ids of its own list.
    """

    next: Values
    place: Values | None
    outside: float
    scores: Values
    own: tuple[str, ...]


class Policy(Protocol):
    """Anything that gives probabilities of logged items."""

    @property
    def name(self) -> str:
        """The name that reports use."""
        ...

    def probabilities(self, logged: LoggedList) -> Probabilities | str:
        """The probabilities of a logged list, or why there are none."""
        ...


class ArmPolicy:
    """An arm in a shop as it was at the time of each list. Several arms may share one shop."""

    def __init__(self, arm: Arm, shop: PastShop) -> None:
        self.arm, self._shop = arm, shop
        chance = Exploration(temperature=1.0, depth=1000)
        self._listing = arm.model_copy(update={"exploration": chance})

    @property
    def name(self) -> str:
        """`id@hash`, as in the log."""
        return f"{self.arm.id}@{self.arm.hash}"

    def probabilities(self, logged: LoggedList) -> Probabilities | str:
        """The arm's probabilities of a logged list, or why there are none.

        Of a list without chance the log knows the shown items only. There the probabilities are those of the
        arm's own list, and sum to less than 1 over the candidates.
        """
        if not self._shop.has(logged.candidates):
            return CANDIDATE_GONE
        try:
            answer = self._shop.answer(logged, self.arm)
            own, scores = self._own(answer)
            ranking = own
            if logged.is_drawn and not set(logged.candidates) <= set(own.ids):
                ranking, scores = self._among(logged)
        except UnknownItem:
            return ANCHOR_GONE
        except FilterError:
            return BAD_FILTER
        except VlclipError as error:
            return f"the arm {self.arm.id} does not answer it ({error.code})"
        if logged.is_drawn:
            ranking = ranking.only(frozenset(logged.candidates))
        own_list = tuple(result.id for result in answer)[: len(logged.items)]
        return _probabilities(logged, ranking, scores, _outside(own, logged, own_list), own_list)

    def _own(self, answer: Answer) -> tuple[Ranking, Mapping[str, float]]:
        """The arm's own ranking from its top, and its scores."""
        pins, explored = self._pins(answer), tuple(item for item, _ in answer.explored)
        above = {*pins, *explored}
        own = Ranking(
            pins=pins,
            explored=explored,
            scores=np.array([score for _, score in answer.explored]),
            tail=tuple(result.id for result in answer if result.id not in above),
            temperature=self.arm.exploration.temperature,
        )
        return own, _scores(answer)

    def _among(self, logged: LoggedList) -> tuple[Ranking, Mapping[str, float]]:
        """The arm's ranking of the candidates alone, and its scores."""
        answer = self._shop.answer(logged, self._listing, among=logged.candidates)
        chance = self.arm.exploration
        depth = chance.depth if chance.temperature else 0
        ids = tuple(item for item, _ in answer.explored)
        ranking = Ranking(
            pins=self._pins(answer),
            explored=ids[:depth],
            scores=np.array([score for _, score in answer.explored[:depth]]),
            tail=ids[depth:],
            temperature=chance.temperature,
        )
        return ranking, _scores(answer)

    def _pins(self, answer: Answer) -> tuple[str, ...]:
        return tuple(result.id for result in answer if result.id in self.arm.rules.pins)


class CallablePolicy:
    """Any ranker: `call` takes a logged list and the ids of its C candidates.

    It gives one of these:
    - `scores` `(C,)`: candidates are ordered by them, or drawn by them where `temperature` is over 0;
    - `probabilities` `(C,)` to come first; the later places are drawn from the items that are left;
    - `probabilities` `(K, C)` at every place, given the items shown above it.

    It ranks the logged candidates alone, so `outside` is 0. Errors: `EvaluationError` where `call` gives
    something else.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[Exposure, Sequence[str]], Values],
        *,
        gives: Literal["scores", "probabilities"] = "scores",
        temperature: float = 0.0,
    ) -> None:
        self._name, self._call, self._gives, self._temperature = name, call, gives, temperature

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    def probabilities(self, logged: LoggedList) -> Probabilities | str:
        """The callable's probabilities of a logged list."""
        values = np.asarray(self._call(logged.exposure, logged.candidates), dtype=np.float64)
        places, count = len(logged.items), len(logged.candidates)
        if self._gives == "probabilities":
            if not ((values >= 0) & (values <= 1)).all() or not (values.sum(axis=-1) <= 1 + 1e-6).all():
                raise EvaluationError(f"{self._name} has to give probabilities that sum to at most 1")
            if values.shape == (places, count):
                order = np.argsort(-values[0], kind="stable")[:places]
                own = tuple(logged.candidates[row] for row in order.tolist())
                return Probabilities(next=values, place=None, outside=0.0, scores=values[0], own=own)
        if values.shape != (count,) or not np.isfinite(values).all():
            raise EvaluationError(f"{self._name} has to give a finite number for each of the candidates")
        ranking = self._ranking(logged, values)
        own = ranking.draw(places, stable_rng(logged.exposure.request_id, self._name))
        scores = dict(zip(logged.candidates, values.tolist(), strict=True))
        return _probabilities(logged, ranking, scores, 0.0, own)

    def _ranking(self, logged: LoggedList, values: Values) -> Ranking:
        order = np.argsort(-values, kind="stable")
        temperature = self._temperature
        if self._gives == "probabilities":
            order, temperature = order[values[order] > 0], 1.0
            values = np.log(values, where=values > 0, out=np.full(len(values), -np.inf))
        ids = tuple(logged.candidates[row] for row in order.tolist())
        if not temperature:
            return Ranking(scores=np.empty(0), tail=ids)
        return Ranking(explored=ids, scores=values[order], temperature=temperature)


def _scores(answer: Answer) -> dict[str, float]:
    """The scores that items of an answer were ranked by."""
    return {result.id: result.score for result in answer} | dict(answer.explored)


def _probabilities(
    logged: LoggedList, ranking: Ranking, scores: Mapping[str, float], outside: float, own: tuple[str, ...]
) -> Probabilities:
    return Probabilities(
        next=ranking.next(logged.items, logged.candidates),
        place=place_of(ranking, logged.items),
        outside=outside,
        scores=np.array([scores.get(item, np.nan) for item in logged.candidates]),
        own=own,
    )


def _outside(own: Ranking, logged: LoggedList, own_list: Sequence[str]) -> float:
    """The share of the first places that goes to items that were no candidates."""
    candidates = set(logged.candidates)
    if candidates.issuperset(own.ids) or not own_list:
        return 0.0
    outside = np.array([item not in candidates for item in own.ids])
    return float(own.places(len(own_list))[:, outside].sum() / len(own_list))
