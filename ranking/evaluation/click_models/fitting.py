"""Click models fitted on a log by expectation and maximisation, and how well they tell held-out clicks.

Hidden is which places were looked at, and after which clicks someone was satisfied (Chuklin, Markov & de
Rijke, Click Models for Web Search, 2015, chapter 4). An item's attraction is its clicks over its expected
looks, its satisfaction the expected satisfied clicks over those that tell; both are drawn towards a prior
common to all items, which is found from a first fit with a weak one.

Laws (tests/ranking/evaluation/click_models/test_fitting.py):
- no step lowers the log-posterior; the same log gives the same fit;
- of clicks drawn from a model, it finds the model's parameters again;
- a coin that is known to be fair has a perplexity of 2, certainty one of 1;
- an item never clicked has an attraction over 0, one never shown that of the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.behaviour import Expected, LearnedBehaviour
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.log import ClickLog, Lists
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates, empirical
from vlclip.ranking.evaluation.click_models.worth import Worth, worth
from vlclip.ranking.statistics.arrays import Indices, Values

SEED = 7
HELD_OUT = 0.2
"""Of the units, whose clicks are to be told."""
WEAK = 1.0
"""The strength of the first prior, in looks."""
STEPS = 1000
TOLERANCE = 1e-8
"""EM stops at a step that gains less than this a shown item, in nats."""
ROUGH = 1e-6
"""The same of the first fit, which is for the prior only."""
CERTAIN = 1e-12
"""A probability is no nearer to 0 or 1 than this when it is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model with its items, by their numbers in `names`; `satisfactions` is None where it has none.

    `worth` says what clicks on them come to. `trace` is the log-posterior at the start of the last fit and
    after each of its steps.
    """

    behaviour: LearnedBehaviour
    attractions: Rates
    satisfactions: Rates | None
    names: tuple[str, ...]
    trace: tuple[float, ...]
    worth: Worth

    def attraction(self, items: Indices) -> Values:
        """The probability of a click on these items when they are looked at, in their shape."""
        return self.attractions.of(items)

    def satisfaction(self, items: Indices) -> Values:
        """The probability that these items satisfy who clicked them; 0 in a model without it."""
        return np.zeros(items.shape) if self.satisfactions is None else self.satisfactions.of(items)

    def marginal(self, lists: Lists) -> Values:
        """The probability of a click at each place of the lists, `(n, K)`."""
        return self.behaviour.marginal(
            self.attraction(lists.items), self.satisfaction(lists.items), lists.shown
        )

    def perplexity(self, log: ClickLog) -> tuple[Values, float]:
        """By place `(K,)`, NaN where nothing was shown, and the mean over places; 1 is perfect, 2 is a coin.

        2 to the mean of -log2 of what the model gave to what happened, by its marginals (Dupret & Piwowarski,
        A user browsing model to predict search engine click data from past observations, SIGIR 2008).
        `log` has the numbers of the log that was fitted.
        """
        told = np.clip(self.marginal(log.lists), CERTAIN, 1 - CERTAIN)
        surprise = np.where(log.shown, -np.log2(np.where(log.clicked, told, 1 - told)), 0.0)
        count = log.shown.sum(axis=0)
        by_place = np.full(len(count), np.nan)
        np.divide(surprise.sum(axis=0), count, out=by_place, where=count > 0)
        by_place = np.exp2(by_place)
        return by_place, float(np.nanmean(by_place))


def fit(name: str, log: ClickLog, strength: float | None = None) -> Fitted:
    """The model of this name, one of `MODELS`, fitted on a log.

    `strength` is that of the priors in looks or clicks, None to find it from the items' differences.
    `EvaluationError` for another name, or a log without clicks.
    """
    if name not in MODELS:
        raise EvaluationError(f"no click model is called {name!r}; it is one of {', '.join(MODELS)}")
    if not log.clicked.any():
        raise EvaluationError("the log has no clicks, so no click model can be fitted; take a longer time")
    behaviour = MODELS[name](log)
    behaviour, weak, _ = _climb(behaviour, _weak(behaviour, log), log, ROUGH)
    behaviour, scale = behaviour.scaled()
    attraction, satisfaction = weak.at(log)
    _, expected = behaviour.learned(attraction * scale, satisfaction, log.clicked, log.shown)
    counted = weak.counted(expected, log)
    informed = _Items(
        *(
            replace(rates, prior=empirical(rates.hits, rates.chances, strength))
            for rates in (counted.attraction, counted.satisfaction)
        )
    )
    behaviour, items, trace = _climb(behaviour, informed, log, TOLERANCE)
    return Fitted(
        behaviour=behaviour,
        attractions=items.attraction,
        satisfactions=None if expected.told is None else items.satisfaction,
        names=log.names,
        trace=trace,
        worth=worth(log),
    )


def fit_all(log: ClickLog, held_out: float = HELD_OUT, seed: int = SEED) -> list[tuple[Fitted, float]]:
    """Every model fitted on the log without a share of its units, with its perplexity on those; best first.

    `log.split(held_out, seed)` gives the same two parts.
    """
    seen, unseen = log.split(held_out, seed)
    fits = [fit(name, seen) for name in MODELS]
    return sorted(((one, one.perplexity(unseen)[1]) for one in fits), key=lambda found: found[1])


@dataclass(frozen=True, slots=True)
class _Items:
    """What is known of the items so far."""

    attraction: Rates
    satisfaction: Rates

    def at(self, log: ClickLog) -> tuple[Values, Values]:
        """Attraction and satisfaction at each place of the log."""
        return self.attraction.of(log.items), self.satisfaction.of(log.items)

    def counted(self, expected: Expected, log: ClickLog) -> _Items:
        """The same with what is expected now."""
        looked, told, satisfied = expected.looked, expected.told, expected.satisfied
        attraction = replace(
            self.attraction, hits=log.by_item(looked * log.clicked), chances=log.by_item(looked)
        )
        if told is None or satisfied is None:
            return _Items(attraction, self.satisfaction)
        return _Items(
            attraction,
            replace(self.satisfaction, hits=log.by_item(satisfied), chances=log.by_item(told)),
        )

    def log_prior(self) -> float:
        """The logarithm of the prior density of all items' rates."""
        rates = (self.attraction, self.satisfaction)
        every = np.arange(len(self.attraction.hits))
        return sum(one.prior.log_density(one.of(every)) for one in rates)


def _weak(behaviour: LearnedBehaviour, log: ClickLog) -> _Items:
    """Nothing known of any item, but that all together are clicked as often as they are."""
    rate = np.full(log.shown.shape, log.clicked.sum() / (log.shown.sum() + 1))
    looked = behaviour.learned(rate, np.full(rate.shape, 0.5), log.clicked, log.shown)[1].looked
    nothing = np.zeros(len(log.names))
    mode = float((looked * log.clicked).sum() / (looked.sum() + 1))
    return _Items(Rates(nothing, nothing, Prior(mode, WEAK)), Rates(nothing, nothing, Prior(0.5, WEAK)))


def _climb(
    behaviour: LearnedBehaviour, items: _Items, log: ClickLog, tolerance: float
) -> tuple[LearnedBehaviour, _Items, tuple[float, ...]]:
    """Steps of EM until they gain nothing, with the log-posterior before each and after the last."""
    enough = tolerance * log.shown.sum()
    trace: list[float] = []
    while True:
        attraction, satisfaction = items.at(log)
        told = behaviour.conditional(attraction, satisfaction, log.clicked, log.shown)
        trace.append(_log_likelihood(told, log) + items.log_prior() + behaviour.log_prior())
        if len(trace) > STEPS or (len(trace) > 1 and trace[-1] - trace[-2] < enough):
            return behaviour, items, tuple(trace)
        behaviour, expected = behaviour.learned(attraction, satisfaction, log.clicked, log.shown)
        items = items.counted(expected, log)


def _log_likelihood(told: Values, log: ClickLog) -> float:
    """In nats, of all places but clicks that the model says cannot be: the cascade's after the first."""
    possible = log.clicked & (told > 0)
    return float(np.log(told[possible]).sum() + np.log1p(-told[~log.clicked]).sum())


def _position_based(log: ClickLog) -> PositionBased:
    """Places in the proportions of their click rates, none of them certain to be looked at."""
    rate = (log.clicked.sum(axis=0) + 1) / (log.shown.sum(axis=0) + 1)
    return PositionBased(0.5 * rate / rate.max())


MODELS: Mapping[str, Callable[[ClickLog], LearnedBehaviour]] = {
    PositionBased.name: _position_based,
    Cascade.name: lambda _: Cascade(),
    DynamicBayesian.name: lambda _: DynamicBayesian(0.9),
}
"""By name, where a fit of the model begins."""
