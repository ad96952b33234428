"""Click models fitted on a log by expectation and maximisation, and how well they predict held-out clicks.

It is hidden which places were looked at, and after which clicks a shopper was satisfied (Chuklin, Markov & de
Rijke, Click Models for Web Search, 2015, chapter 4). An item's attraction is its clicks over its expected
looks; its satisfaction is its expected satisfied clicks over its informative ones. Both are shrunk towards a
prior common to all items, which comes from a first fit with a weak one.

Laws (tests/ranking/evaluation/click_models/test_fitting.py):
- no step lowers the log-posterior; the same log gives the same fit;
- from clicks drawn from a model it recovers the parameters of that model;
- a fair coin has a perplexity of 2, certainty has 1;
- an item never clicked has an attraction over 0, an item never shown that of the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.behaviour import Expected, LearnedBehaviour
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.log import ClickLog, NumberedLists
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates, fit_prior
from vlclip.ranking.evaluation.click_models.worth import Worth, worth
from vlclip.ranking.statistics.arrays import Indices, Values

SEED = 7
HELD_OUT = 0.2
"""The share of the units whose clicks are to be predicted."""
WEAK = 1.0
"""The strength of the first prior, in looks."""
STEPS = 1000
TOLERANCE = 1e-8
"""EM stops at a step that gains less than this for each filled place, in nats."""
ROUGH = 1e-6
"""The tolerance of the first fit, which is for the prior only."""
CERTAIN = 1e-12
"""Predicted probabilities are kept this far from 0 and 1 when they are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model with its items, by their numbers in `names`; `satisfactions` is None in a model without.

    `worth` says what clicks on them are worth. `trace` is the log-posterior at the start of the last fit and
    after each of its steps.
    """

    behaviour: LearnedBehaviour
    attractions: Rates
    satisfactions: Rates | None
    names: tuple[str, ...]
    trace: tuple[float, ...]
    worth: Worth

    def attraction(self, items: Indices) -> Values:
        """The probability of a click on these items that are looked at, in their shape."""
        return self.attractions.of_items(items)

    def satisfaction(self, items: Indices) -> Values:
        """The probability that a click on these items satisfies; 0 in a model without satisfaction."""
        return np.zeros(items.shape) if self.satisfactions is None else self.satisfactions.of_items(items)

    def marginal(self, lists: NumberedLists) -> Values:
        """The probability of a click at each place of the lists, `(n, K)`."""
        return self.behaviour.marginal(
            self.attraction(lists.items), self.satisfaction(lists.items), lists.filled
        )

    def perplexity(self, log: ClickLog) -> tuple[Values, float]:
        """By place `(K,)`, NaN for a place never filled, and their mean; 1 is perfect, 2 is a coin.

        2 to the mean of -log2 of the probability of what happened, by the model's marginals (Dupret &
        Piwowarski, A user browsing model to predict search engine click data from past observations, SIGIR
        2008). `log` numbers its items as the log that was fitted.
        """
        predicted = np.clip(self.marginal(log.lists), CERTAIN, 1 - CERTAIN)
        surprise = np.where(log.filled, -np.log2(np.where(log.clicked, predicted, 1 - predicted)), 0.0)
        count = log.filled.sum(axis=0)
        by_place = np.full(len(count), np.nan)
        np.divide(surprise.sum(axis=0), count, out=by_place, where=count > 0)
        by_place = np.exp2(by_place)
        return by_place, float(np.nanmean(by_place))


def fit(name: str, log: ClickLog, strength: float | None = None) -> Fitted:
    """The model of this name, one of `MODELS`, fitted on a log.

    `strength` is that of the priors in looks or clicks, None to fit it to how much the items differ.
    `EvaluationError` for another name, or a log without clicks.
    """
    if name not in MODELS:
        raise EvaluationError(f"there is no click model {name!r}; take one of {', '.join(MODELS)}")
    if not log.clicked.any():
        raise EvaluationError("the log has no clicks, so no click model can be fitted; take a longer time")
    behaviour = MODELS[name](log)
    behaviour, weak, _ = _climb(behaviour, _weak(behaviour, log), log, ROUGH)
    behaviour, scale = behaviour.scaled()
    attraction, satisfaction = weak.at(log)
    _, expected = behaviour.learned(attraction * scale, satisfaction, log.clicked, log.filled)
    counted = weak.counted(expected, log)
    informed = _Items(
        *(
            replace(rates, prior=fit_prior(rates.hits, rates.chances, strength))
            for rates in (counted.attraction, counted.satisfaction)
        )
    )
    behaviour, items, trace = _climb(behaviour, informed, log, TOLERANCE)
    return Fitted(
        behaviour=behaviour,
        attractions=items.attraction,
        satisfactions=None if expected.informative is None else items.satisfaction,
        names=log.names,
        trace=trace,
        worth=worth(log),
    )


def fit_all(log: ClickLog, held_out: float = HELD_OUT, seed: int = SEED) -> list[tuple[Fitted, float]]:
    """Every model fitted on the log without a share of its units, with its perplexity on those; best first.

    `log.split(held_out, seed)` gives the same two parts.
    """
    training, test = log.split(held_out, seed)
    fits = [fit(name, training) for name in MODELS]
    return sorted(((fitted, fitted.perplexity(test)[1]) for fitted in fits), key=lambda pair: pair[1])


@dataclass(frozen=True, slots=True)
class _Items:
    """The rates of all items, at one step of EM."""

    attraction: Rates
    satisfaction: Rates

    def at(self, log: ClickLog) -> tuple[Values, Values]:
        """Attraction and satisfaction at each place of the log."""
        return self.attraction.of_items(log.items), self.satisfaction.of_items(log.items)

    def counted(self, expected: Expected, log: ClickLog) -> _Items:
        """The same items with the clicks and looks expected now."""
        examined, informative, satisfied = expected.examined, expected.informative, expected.satisfied
        attraction = replace(
            self.attraction, hits=log.by_item(examined * log.clicked), chances=log.by_item(examined)
        )
        if informative is None or satisfied is None:
            return _Items(attraction, self.satisfaction)
        return _Items(
            attraction,
            replace(self.satisfaction, hits=log.by_item(satisfied), chances=log.by_item(informative)),
        )

    def log_prior(self) -> float:
        """The logarithm of the prior density of all items' rates."""
        rates = (self.attraction, self.satisfaction)
        every = np.arange(len(self.attraction.hits))
        return sum(rate.prior.log_density(rate.of_items(every)) for rate in rates)


def _weak(behaviour: LearnedBehaviour, log: ClickLog) -> _Items:
    """Where the first fit begins: all items alike, clicked as often as all are together."""
    rate = np.full(log.filled.shape, log.clicked.sum() / (log.filled.sum() + 1))
    examined = behaviour.learned(rate, np.full(rate.shape, 0.5), log.clicked, log.filled)[1].examined
    nothing = np.zeros(len(log.names))
    mode = float((examined * log.clicked).sum() / (examined.sum() + 1))
    return _Items(Rates(nothing, nothing, Prior(mode, WEAK)), Rates(nothing, nothing, Prior(0.5, WEAK)))


def _climb(
    behaviour: LearnedBehaviour, items: _Items, log: ClickLog, tolerance: float
) -> tuple[LearnedBehaviour, _Items, tuple[float, ...]]:
    """Steps of EM until they gain too little, with the log-posterior before each and after the last."""
    enough = tolerance * log.filled.sum()
    trace: list[float] = []
    while True:
        attraction, satisfaction = items.at(log)
        predicted = behaviour.conditional(attraction, satisfaction, log.clicked, log.filled)
        trace.append(_log_likelihood(predicted, log) + items.log_prior() + behaviour.log_prior())
        if len(trace) > STEPS or (len(trace) > 1 and trace[-1] - trace[-2] < enough):
            return behaviour, items, tuple(trace)
        behaviour, expected = behaviour.learned(attraction, satisfaction, log.clicked, log.filled)
        items = items.counted(expected, log)


def _log_likelihood(predicted: Values, log: ClickLog) -> float:
    """In nats, of all places but clicks the model holds impossible, as the cascade does after the first."""
    possible = log.clicked & (predicted > 0)
    return float(np.log(predicted[possible]).sum() + np.log1p(-predicted[~log.clicked]).sum())


def _position_based(log: ClickLog) -> PositionBased:
    """Places in the proportions of their click rates, none of them certain to be looked at."""
    rate = (log.clicked.sum(axis=0) + 1) / (log.filled.sum(axis=0) + 1)
    return PositionBased(0.5 * rate / rate.max())


MODELS: Mapping[str, Callable[[ClickLog], LearnedBehaviour]] = {
    PositionBased.name: _position_based,
    Cascade.name: lambda _: Cascade(),
    DynamicBayesian.name: lambda _: DynamicBayesian(0.9),
}
"""The model from which a fit begins, by name."""
