"""The exact probability of each item at each place, under Plackett-Luce.

An order by Plackett-Luce is an exponential race: item i arrives at a time drawn from the exponential
distribution of rate exp(score / temperature), and the order of arrival is the order of the list (Plackett,
"The analysis of permutations", Applied Statistics 1975). Item i is k-th if k - 1 others arrive before it:

    P(i at place k) = ∫ f_i(t) · P(k - 1 of the others before t) dt

The number of arrivals before t is Poisson-binomial. As a function of log t the integrand is analytic and
vanishes at both ends, so sums over even steps converge exponentially: Trefethen & Weideman, "The
exponentially convergent trapezoidal rule", SIAM Review 2014. Nothing is subtracted, so small probabilities
have the same relative error as large ones.

Laws (tests/ranking/lists/test_placement.py):
- the probabilities of each place sum to 1, and so do those of each item over all places;
- those of the first place are the softmax; all equal the sums over all orders;
- temperature 0 is the plain order, and only differences of scores matter;
- in draws, items stand at each place as often as its probability says.
"""

from __future__ import annotations

import math

import numpy as np

from vlclip.ranking.statistics.arrays import Values

STEP = 0.65
"""Steps in log time are this over the root of the number of places: later arrivals are more concentrated."""
CERTAIN = 36.0
"""Log-odds beyond which two items stand in order with a probability of 1 - 2e-16."""
BEFORE = 30.0
"""Where the sum begins, in log time before the first item is due; 1e-13 of its probability is earlier."""
AFTER = math.log(CERTAIN)
"""Where the sum ends, in log time after the last item that counts is due; e^-36 of it is later."""

LONG_PAST = 7.0
"""Log time after an item is due at which it has arrived with probability 1 in floats."""

AT_ONCE = 256
"""Points in time that are in memory together."""


def place_probabilities(scores: Values, temperature: float, places: int) -> Values:
    """The probability `(places, n)` of each of the `(n,)` scores at each of the first places.

    `temperature` is in units of the score. At 0 the order is the plain one; of equal scores the earlier row
    comes first, as in `vlclip.ranking.lists.exploration`. Rows of places below the n-th are 0.
    """
    n, deep = len(scores), min(places, len(scores))
    order = np.argsort(-scores, kind="stable")
    sorted_places = np.zeros((places, n))
    if temperature:
        sorted_places[:deep] = _race(_log_rates(scores[order], temperature), deep)
    else:
        sorted_places[np.arange(deep), np.arange(deep)] = 1
    out = np.empty_like(sorted_places)
    out[:, order] = sorted_places
    return out


def _log_rates(falling: Values, temperature: float) -> Values:
    """Falling scores as log rates, 0 for the first; no gap between neighbours is over `CERTAIN`."""
    gaps = np.minimum(-np.diff(falling), CERTAIN * temperature) / temperature
    return -np.concatenate([[0.0], np.cumsum(gaps)])[: len(falling)]


def _race(log_rates: Values, places: int) -> Values:
    """The probability `(places, n)` to arrive k-th, for falling log rates `(n,)`; places is at most n."""
    out = np.zeros((places, len(log_rates)))
    if not places:
        return out
    step = STEP / math.sqrt(max(places, 10))
    log_times = np.arange(-BEFORE, AFTER - log_rates[places - 1], step)
    for start in range(0, len(log_times), AT_ONCE):
        log_time = log_times[start : start + AT_ONCE]
        due = np.exp(np.minimum(log_rates[:, None] + log_time, LONG_PAST))
        absent, arrived = np.exp(-due), -np.expm1(-due)
        density = due * absent * step
        # how many of the items before each item have arrived, and how many of those after it
        above = _counts(absent, arrived, places)
        below = _counts(absent[::-1], arrived[::-1], places)[:, ::-1]
        for k in range(places):
            out[k] += np.einsum("nt,knt,knt->n", density, above[: k + 1], below[k::-1])
    return out


def _counts(absent: Values, arrived: Values, most: int) -> Values:
    """The probability `(most, n, times)` that 0, 1, … of the items before each of the n have arrived."""
    out = np.empty((most, *absent.shape))
    counts = np.zeros((most, absent.shape[1]))
    counts[0] = 1
    for item in range(len(absent)):
        out[:, item] = counts
        later = counts[:-1] * arrived[item]
        counts *= absent[item]
        counts[1:] += later
    return out
