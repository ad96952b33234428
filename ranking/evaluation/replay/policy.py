"""A policy: how probable each candidate of a logged list is at each place, by an arm or any other ranker.

An arm orders what the logging arm drew from: the logged candidates. It deals by its own scores, as high as
they are among all items, with its boosts, history, diversity and caps; what it would never show has
probability 0. How much of the list it would really have given lies outside of the logged candidates is told
beside it: nothing in the log says how that would have been liked.

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
from vlclip.ranking.evaluation.replay.contexts import BAD_FILTER, Context
from vlclip.ranking.evaluation.replay.ranking import Ranking, place_of
from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.lists.exploration import stable_rng
from vlclip.ranking.statistics.arrays import Values

GONE = "a candidate is gone from the store"
NO_MORE = "the item it is about is gone from the store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probabilities:
    """What a policy makes of one list of K places, drawn from C candidates.

    `next` `(K, C)` is the probability of each candidate at each place, given the items shown above it.
    `place` `(K,)` is that of the item shown at its place, whatever is above; None where it is not known.
    `outside` is the share of the policy's own K places that goes to items that were no candidates. `scores`
    `(C,)` are its own; NaN for what it would not show. `own` are the ids of a list of its own.
    """

    next: Values
    place: Values | None
    outside: float
    scores: Values
    own: tuple[str, ...]


class Policy(Protocol):
    """Whatever can say how probable logged items are."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def probabilities(self, context: Context) -> Probabilities | str:
        """What it makes of a logged list, or why it cannot say."""
        ...


class ArmPolicy:
    """An arm, asked again in a shop as it was then. Several arms may share one shop."""

    def __init__(self, arm: Arm, shop: PastShop) -> None:
        self.arm, self._shop = arm, shop
        chance = Exploration(temperature=1.0, depth=1000)
        self._listing = arm.model_copy(update={"exploration": chance})

    @property
    def name(self) -> str:
        """`id@hash`, as in the log."""
        return f"{self.arm.id}@{self.arm.hash}"

    def probabilities(self, context: Context) -> Probabilities | str:
        """What the arm makes of a logged list.

        Of a list without chance in it only the very same one is known, so there the arm's probabilities are
        those of its own list, and sum to less than 1 over the candidates.
        """
        if not self._shop.has(context.candidates):
            return GONE
        try:
            answer = self._shop.answer(context, self.arm)
            own, scores = self._own(answer)
            ranking = own
            if context.is_drawn and not set(context.candidates) <= set(own.ids):
                ranking, scores = self._among(context)
        except UnknownItem:
            return NO_MORE
        except FilterError:
            return BAD_FILTER
        except VlclipError as error:
            return f"the arm {self.arm.id} does not answer it ({error.code})"
        if context.is_drawn:
            ranking = ranking.only(frozenset(context.candidates))
        listed = tuple(one.id for one in answer)[: len(context.shown)]
        return _probabilities(context, ranking, scores, _outside(own, context, listed), listed)

    def _own(self, answer: Answer) -> tuple[Ranking, Mapping[str, float]]:
        """The arm's own ranking from its top, and its scores."""
        pins, dealt = self._pins(answer), {item for item, _ in answer.explored}
        own = Ranking(
            pins=pins,
            dealt=tuple(item for item, _ in answer.explored),
            scores=np.array([score for _, score in answer.explored]),
            rest=tuple(one.id for one in answer if one.id not in dealt and one.id not in pins),
            temperature=self.arm.exploration.temperature,
        )
        return own, {one.id: one.score for one in answer} | dict(answer.explored)

    def _among(self, context: Context) -> tuple[Ranking, Mapping[str, float]]:
        """The arm's ranking of the candidates alone, and its scores."""
        answer = self._shop.answer(context, self._listing, among=context.candidates)
        chance = self.arm.exploration
        depth = chance.depth if chance.temperature else 0
        ids = tuple(item for item, _ in answer.explored)
        ranking = Ranking(
            pins=self._pins(answer),
            dealt=ids[:depth],
            scores=np.array([score for _, score in answer.explored[:depth]]),
            rest=ids[depth:],
            temperature=chance.temperature,
        )
        return ranking, {one.id: one.score for one in answer} | dict(answer.explored)

    def _pins(self, answer: Answer) -> tuple[str, ...]:
        return tuple(one.id for one in answer if one.id in self.arm.rules.pins)


class CallablePolicy:
    """Any ranker: `call` gets a logged list and the ids of its C candidates.

    It gives `scores` `(C,)`, which are ordered by, or drawn by where `temperature` is over 0; or
    `probabilities`: `(C,)` to be first, the later places drawn from what is left; or `(K, C)` for every
    place, given what is shown above it. It is asked of the logged candidates alone, so `outside` is 0.
    Errors: `EvaluationError` where what it gives is none of these.
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
        """As it was called."""
        return self._name

    def probabilities(self, context: Context) -> Probabilities | str:
        """What the callable makes of a logged list."""
        found = np.asarray(self._call(context.exposure, context.candidates), dtype=np.float64)
        places, count = len(context.shown), len(context.candidates)
        if self._gives == "probabilities":
            if not ((found >= 0) & (found <= 1)).all() or not (found.sum(axis=-1) <= 1 + 1e-6).all():
                raise EvaluationError(f"{self._name} has to give probabilities that sum to at most 1")
            if found.shape == (places, count):
                order = np.argsort(-found[0], kind="stable")[:places]
                own = tuple(context.candidates[row] for row in order.tolist())
                return Probabilities(next=found, place=None, outside=0.0, scores=found[0], own=own)
        if found.shape != (count,) or not np.isfinite(found).all():
            raise EvaluationError(f"{self._name} has to give a finite number for each of the candidates")
        ranking = self._ranking(context, found)
        own = ranking.draw(places, stable_rng(context.exposure.request_id, self._name))
        scores = dict(zip(context.candidates, found.tolist(), strict=True))
        return _probabilities(context, ranking, scores, 0.0, own)

    def _ranking(self, context: Context, found: Values) -> Ranking:
        order = np.argsort(-found, kind="stable")
        temperature = self._temperature
        if self._gives == "probabilities":
            order, temperature = order[found[order] > 0], 1.0
            found = np.log(found, where=found > 0, out=np.full(len(found), -np.inf))
        ids = tuple(context.candidates[row] for row in order.tolist())
        if not temperature:
            return Ranking(scores=np.empty(0), rest=ids)
        return Ranking(dealt=ids, scores=found[order], temperature=temperature)


def _probabilities(
    context: Context, ranking: Ranking, scores: Mapping[str, float], outside: float, own: tuple[str, ...]
) -> Probabilities:
    shown = context.shown
    return Probabilities(
        next=ranking.next(shown, context.candidates),
        place=place_of(ranking, shown),
        outside=outside,
        scores=np.array([scores.get(one, np.nan) for one in context.candidates]),
        own=own,
    )


def _outside(own: Ranking, context: Context, listed: Sequence[str]) -> float:
    """The share of the first places that goes to items that were no candidates."""
    known = set(context.candidates)
    if known.issuperset(own.ids) or not listed:
        return 0.0
    outside = np.array([one not in known for one in own.ids])
    return float(own.places(len(listed))[:, outside].sum() / len(listed))
