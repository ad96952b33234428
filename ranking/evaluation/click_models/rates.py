"""Rates of many items with few trials each, shrunk towards what they have in common.

An item with h hits of n chances has the rate (h + s·m) / (n + s): the most probable one under the prior
Beta(1 + s·m, 1 + s·(1 - m)), whose mode is m; an item without trials has m. By empirical Bayes m and s are
those of the Beta(s·m, s·(1 - m)) that makes these hits most probable (Casella, An introduction to
empirical Bayes data analysis, The American Statistician 1985; the beta-binomial of Skellam, 1948).

Laws (tests/ranking/evaluation/click_models/test_rates.py):
- no rate is 0 or 1, and that of an item without chances is m;
- the more alike the items are, the larger s is;
- rates drawn from a Beta are estimated better than by hits / chances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, expit, logit

from vlclip.ranking.statistics.arrays import Indices, Values

STRENGTHS = (1.0, 1e4)
"""Bounds of the strength of a prior, in chances."""
RATES = (1e-5, 1 - 1e-5)
"""Bounds of its mode."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a rate before its first chance: `mode`, as firmly as after `strength` chances."""

    mode: float
    strength: float

    def rates(self, hits: Values, chances: Values) -> Values:
        """The most probable rates, of the shape of `hits`."""
        return (hits + self.strength * self.mode) / (chances + self.strength)

    def log_density(self, rates: Values) -> float:
        """The logarithm of the prior density of all these rates, but for a constant."""
        likely = self.mode * np.log(rates) + (1 - self.mode) * np.log1p(-rates)
        return float(self.strength * likely.sum())


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of m items: `hits` of `chances` `(m,)`, in expectation where they are hidden, and their prior."""

    hits: Values
    chances: Values
    prior: Prior

    def of_items(self, items: Indices) -> Values:
        """The rates of these items, in their shape; `UNKNOWN` ones have the prior's mode."""
        # the last is at index -1, which is `UNKNOWN`
        return np.append(self.prior.rates(self.hits, self.chances), self.prior.mode)[items]


def fit_prior(hits: Values, chances: Values, strength: float | None = None) -> Prior:
    """The prior that makes these items `(m,)` most probable; with a `strength` only the mode is fitted."""
    tried = chances > 0
    if not tried.any():
        return Prior(0.5, strength or 1.0)
    # many items have the same few counts, so each pair is evaluated once
    pairs, times = np.unique(np.stack([hits[tried], chances[tried]]), axis=1, return_counts=True)
    hit, missed = pairs[0], np.maximum(pairs[1] - pairs[0], 0.0)

    def loss(point: Values) -> float:
        size = np.exp(point[1])
        a, b = size * expit(point[0]), size * expit(-point[0])
        return -float(times @ (betaln(hit + a, missed + b) - betaln(a, b)) / times.sum())

    sizes = np.log(STRENGTHS if strength is None else (strength, strength))
    pooled = np.clip(hits[tried].sum() / chances[tried].sum(), *RATES)
    start = np.array([logit(pooled), sizes.mean()])
    optimum = minimize(loss, start, method="L-BFGS-B", bounds=[tuple(logit(RATES)), tuple(sizes)])
    return Prior(float(expit(optimum.x[0])), float(np.exp(optimum.x[1])))
