"""What a fitted click model expects of lists that nobody was shown, beside those that were.

A proxy is cheap and has no variance from rare propensities, but it is right only as far as its model is:
every one says what it assumes. Of the models take that of the lowest perplexity (docs/click_models.md).

Laws (tests/ranking/evaluation/click_models/test_proxies.py):
- of the logged lists themselves the difference is exactly 0;
- better items above, and more clicks are expected;
- an arm's expected clicks are near those drawn from the model that was fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.fitting import Fitted
from vlclip.ranking.evaluation.click_models.log import Lists
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure, interval, resampled_means

DEPTHS = (1, 5, 10)
"""The k of each CTR at k."""
_AFTER = "; after a click an item is {} equally often in every list and place, as in the log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What a click model expects of an arm's lists, beside what it expects of those that were logged."""

    model: str
    assumes: str
    name: str
    arm: Figure
    logged: Figure
    difference: Figure


class Measure(NamedTuple):
    """A ratio of two sums over lists: `above` and `below` are `(n,)`."""

    name: str
    assumes: str
    above: Values
    below: Values


def measures(fitted: Fitted, lists: Lists, depths: Sequence[int] = DEPTHS) -> list[Measure]:
    """Clicks a list, CTR at each depth (clicks a shown item of the first k), carts, purchases and revenue."""
    return list(_measures(fitted, lists, depths))


def proxies(fitted: Fitted, arm: Lists, logged: Lists, unit: Indices) -> list[Proxy]:
    """What is expected of an arm's lists and of the logged ones, row by row the same requests.

    `unit` `(n,)` says whose they are. Intervals are of a paired bootstrap over units: they say what other
    shoppers would have changed, not how well the model is known. `EvaluationError` where rows differ.
    """
    if not len(arm.items) == len(logged.items) == len(unit):
        raise EvaluationError(
            f"{len(arm.items)} lists of the arm, {len(logged.items)} logged ones and {len(unit)} units; "
            "give one of each for a request"
        )
    depths = [k for k in DEPTHS if k <= logged.shown.shape[1]]
    _, owner = np.unique(unit, return_inverse=True)
    found = []
    for ours, theirs in zip(measures(fitted, arm, depths), measures(fitted, logged, depths), strict=True):
        # sums by unit: a ratio of their means is one of their sums
        sums: Values = np.stack(
            [np.bincount(owner, part) for part in (ours.above, ours.below, theirs.above, theirs.below)],
            axis=1,
        )
        a, b = _ratios(sums.mean(axis=0)[None]), _ratios(resampled_means(sums))
        found.append(
            Proxy(
                model=fitted.behaviour.name,
                assumes=f"{fitted.behaviour.assumes}{ours.assumes}",
                name=ours.name,
                arm=_figure(a[:, 0], b[:, 0]),
                logged=_figure(a[:, 1], b[:, 1]),
                difference=_figure(a[:, 0] - a[:, 1], b[:, 0] - b[:, 1]),
            )
        )
    return found


def _measures(fitted: Fitted, lists: Lists, depths: Sequence[int]) -> Iterator[Measure]:
    clicks, each = fitted.marginal(lists), np.ones(len(lists.items))
    yield Measure("clicks per list", "", clicks.sum(axis=1), each)
    for k in depths:
        yield Measure(f"CTR at {k}", "", clicks[:, :k].sum(axis=1), each * lists.shown[:, :k].sum(axis=1))
    worth = fitted.worth
    for name, done, rates in (
        ("carts", "put in the cart", worth.carts),
        ("purchases", "bought", worth.purchases),
    ):
        if rates is not None:
            yield Measure(
                f"{name} per list", _AFTER.format(done), (clicks * rates.of(lists.items)).sum(axis=1), each
            )
    revenue = worth.revenue(lists.items)
    if revenue is not None:
        assumes = _AFTER.format("bought") + ", and brings what it brought"
        yield Measure("revenue per list", assumes, (clicks * revenue).sum(axis=1), each)


def _ratios(sums: Values) -> Values:
    """Two ratios `(r, 2)` of four columns; NaN where nothing is below."""
    above, below = sums[:, 0::2], sums[:, 1::2]
    out: Values = np.full(above.shape, np.nan)
    return np.divide(above, below, out=out, where=below > 0)


def _figure(value: Values, samples: Values) -> Figure:
    return interval(float(value[0]), samples)
