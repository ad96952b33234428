"""Whether a click model deserves belief: what it told of held-out clicks, and what was seen.

It looks at lists like the logged ones. A wrong model may be calibrated there and far off for another arm
(docs/click_models.md), so compare perplexities too.

Reliability over equally large bins, and expected calibration error: Naeini, Cooper & Hauskrecht, Obtaining
well calibrated probabilities using Bayesian binning, AAAI 2015. Intervals: Wilson, Probable inference, the
law of succession, and statistical inference, JASA 1927; they take places for independent, so they are too
short where a unit has many lists.

Laws (tests/ranking/evaluation/click_models/test_calibration.py):
- a model told the truth has an error near 0; one that tells twice too much, of the mean told less the seen;
- bins are of equal size but for one place, and their order is that of what was told.
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
    """What a model told and what was seen, over equally large bins: means told, rates seen with intervals.

    `model` says which, `assumes` what it takes for granted, `error` is the mean distance of the two.
    """

    model: str
    assumes: str
    told: tuple[float, ...]
    seen: tuple[Figure, ...]
    error: float
    perplexity: float


def calibration(fitted: Fitted, log: ClickLog, bins: int = BINS) -> Calibration:
    """Probabilities told for the shown places of a held-out log, beside the share of them clicked.

    `error` is the mean over places of the distance of the two in their bin.
    """
    told = fitted.marginal(log.lists)[log.shown]
    clicked = log.clicked[log.shown]
    order = np.argsort(told, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    means = tuple(float(told[part].mean()) for part in parts)
    seen = tuple(_rate(int(clicked[part].sum()), len(part)) for part in parts)
    distance = sum(len(part) * abs(m - s.value) for part, m, s in zip(parts, means, seen, strict=True))
    return Calibration(
        model=fitted.behaviour.name,
        assumes=fitted.behaviour.assumes,
        told=means,
        seen=seen,
        error=distance / len(order),
        perplexity=fitted.perplexity(log)[1],
    )


def _rate(clicks: int, places: int) -> Figure:
    interval = binomtest(clicks, places).proportion_ci(method="wilson")
    return Figure(clicks / places, float(interval.low), float(interval.high))
