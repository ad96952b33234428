"""Whether a click model deserves belief: predicted click probabilities beside observed click rates.

The lists are held out of the fit but like the logged ones. A wrong model may be calibrated there and far
off for another arm (docs/click_models.md), so compare perplexities too.

Reliability over equally large bins, and expected calibration error: Naeini, Cooper & Hauskrecht, Obtaining
well calibrated probabilities using Bayesian binning, AAAI 2015. Intervals: Wilson, Probable inference, the
law of succession, and statistical inference, JASA 1927; they take places for independent, so they are too
short where a unit has many lists.

Laws (tests/ranking/evaluation/click_models/test_calibration.py):
- a model with the true probabilities has an error near 0; one that predicts twice as much has an error of the
  mean prediction less the mean rate;
- bins differ in size by one place at most; they are in the order of the predictions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from vlclip.ranking.evaluation.click_models.fitting import Fitted
from vlclip.ranking.evaluation.click_models.log import ClickLog
from vlclip.ranking.statistics.bootstrap import Figure

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Mean predictions of a model and observed click rates with intervals, over equally large bins.

    `assumes` says what the model takes for granted; `error` is the mean distance of the two.
    """

    model: str
    assumes: str
    predicted: tuple[float, ...]
    observed: tuple[Figure, ...]
    error: float
    perplexity: float


def calibration(fitted: Fitted, log: ClickLog, bins: int = BINS) -> Calibration:
    """Predicted probabilities for the filled places of a held-out log, beside the share of them clicked.

    `error` is the mean over places of the distance of the two in their bin.
    """
    predictions = fitted.marginal(log.lists)[log.filled]
    clicked = log.clicked[log.filled]
    order = np.argsort(predictions, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    means = tuple(float(predictions[part].mean()) for part in parts)
    rates = tuple(_rate(int(clicked[part].sum()), len(part)) for part in parts)
    distance = sum(
        len(part) * abs(mean - rate.value) for part, mean, rate in zip(parts, means, rates, strict=True)
    )
    return Calibration(
        model=fitted.behaviour.name,
        assumes=fitted.behaviour.assumes,
        predicted=means,
        observed=rates,
        error=distance / len(order),
        perplexity=fitted.perplexity(log)[1],
    )


def _rate(clicks: int, places: int) -> Figure:
    interval = binomtest(clicks, places).proportion_ci(method="wilson")
    return Figure(clicks / places, float(interval.low), float(interval.high))
