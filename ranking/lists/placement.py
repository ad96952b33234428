"""Where an item stands under Plackett-Luce, whatever is above it: the exact probability of each place.

An order by Plackett-Luce is an exponential race: item i arrives at a time drawn from the exponential
distribution of rate exp(score / temperature), and items stand as they arrive (Plackett, "The analysis of
permutations", Applied Statistics 1975). Item i is k-th when k - 1 of the others came before it:

    P(i at place k) = ∫ f_i(t) · P(k - 1 of the others before t) dt

How many came before t is Poisson-binomial. Over the logarithm of time the integrand is analytic and falls
off at both ends, so sums over even steps converge exponentially: Trefethen & Weideman, "The exponentially
convergent trapezoidal rule", SIAM Review 2014. Nothing is ever subtracted, so small probabilities are as
exact, relative to their size, as large ones.

Laws (tests/ranking/lists/test_placement.py):
- each place's probabilities sum to 1, and over all places each item's do;
- the first place is the softmax, and all are the sums over all orders;
- temperature 0 is the plain order, and only differences of scores matter;
- items are placed as often as their draws say.
"""

from __future__ import annotations

import math

import numpy as np

from vlclip.ranking.statistics.arrays import Values

STEP = 0.65
"""Steps in the logarithm of time are this over the root of the places: the k-th comes ever more sharply."""
CERTAIN = 36.0
"""Items whose scores differ by more temperatures stand in order but for a chance of 2e-16; log-odds."""
BEFORE = 30.0
"""Where the sum begins, in logarithms of time before the first item is due; 1e-13 of it comes earlier."""
AFTER = math.log(CERTAIN)
"""Where it ends after the last item that counts is due: e^-36 of it comes later."""

LONG_PAST = 7.0
"""Where an item has arrived with certainty in floats, in logarithms of time after it is due."""

AT_ONCE = 256
"""Times that are in memory together."""


def place_probabilities(scores: Values, temperature: float, places: int) -> Values:
    """The probability `(places, n)` of each of the `(n,)` scores at each of the first places.

    `temperature` is in units of the score. At 0 the order is the plain one, of ties the first first, as in
    `vlclip.ranking.lists.exploration`. Below the n-th place there is nobody: those rows are 0.
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
    """Scores, highest first, in temperatures below the first, no two neighbours apart more than needed."""
    gaps = np.minimum(-np.diff(falling), CERTAIN * temperature) / temperature
    return -np.concatenate([[0.0], np.cumsum(gaps)])[: len(falling)]


def _race(log_rates: Values, places: int) -> Values:
    """The probability `(places, n)` to arrive k-th, of falling log rates `(n,)`, places at most n."""
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
        # how many have arrived of those before each item, and of those after it
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
