"""What a fitted click model expects of lists that nobody saw, beside the logged ones.

A proxy is cheap and has no variance from rare propensities, but it is only as right as its model: every proxy
says what it assumes. Take the model of the lowest perplexity (docs/click_models.md).

Laws (tests/ranking/evaluation/click_models/test_proxies.py):
- the logged lists have a difference of exactly 0 to themselves;
- with better items at the top more clicks are expected;
- an arm's expected clicks are near those drawn from the model that was fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.fitting import Fitted
from vlclip.ranking.evaluation.click_models.log import NumberedLists
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure, interval, resampled_means

DEPTHS = (1, 5, 10)
"""The k of each CTR at k."""
_AFTER = "; after a click an item is {} equally often in every list and place, as in the log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What a click model expects of an arm's lists, beside what it expects of the logged ones."""

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


def measures(fitted: Fitted, lists: NumberedLists, depths: Sequence[int] = DEPTHS) -> list[Measure]:
    """Clicks a list, CTR at each depth (clicks an item among the first k), carts, purchases and revenue."""
    return list(_measures(fitted, lists, depths))


def proxies(fitted: Fitted, arm: NumberedLists, logged: NumberedLists, unit: Indices) -> list[Proxy]:
    """What is expected of an arm's lists and of the logged ones, row by row for the same requests.

    `unit` `(n,)` are their units. Intervals are of a paired bootstrap over units: they cover chance in the
    shoppers, not the error of the model. `EvaluationError` where rows differ.
    """
    if not len(arm.items) == len(logged.items) == len(unit):
        raise EvaluationError(
            f"{len(arm.items)} lists of the arm, {len(logged.items)} logged ones and {len(unit)} units; "
            "give one of each for every request"
        )
    depths = [k for k in DEPTHS if k <= logged.filled.shape[1]]
    _, owner = np.unique(unit, return_inverse=True)
    out = []
    for ours, theirs in zip(measures(fitted, arm, depths), measures(fitted, logged, depths), strict=True):
        # sums by unit: a ratio of their means is one of their sums
        sums: Values = np.stack(
            [np.bincount(owner, part) for part in (ours.above, ours.below, theirs.above, theirs.below)],
            axis=1,
        )
        values, samples = _ratios(sums.mean(axis=0)[None]), _ratios(resampled_means(sums))
        out.append(
            Proxy(
                model=fitted.behaviour.name,
                assumes=f"{fitted.behaviour.assumes}{ours.assumes}",
                name=ours.name,
                arm=_figure(values[:, 0], samples[:, 0]),
                logged=_figure(values[:, 1], samples[:, 1]),
                difference=_figure(values[:, 0] - values[:, 1], samples[:, 0] - samples[:, 1]),
            )
        )
    return out


def _measures(fitted: Fitted, lists: NumberedLists, depths: Sequence[int]) -> Iterator[Measure]:
    clicks, ones = fitted.marginal(lists), np.ones(len(lists.items))
    yield Measure("clicks per list", "", clicks.sum(axis=1), ones)
    for k in depths:
        yield Measure(f"CTR at {k}", "", clicks[:, :k].sum(axis=1), ones * lists.filled[:, :k].sum(axis=1))
    worth = fitted.worth
    for name, verb, rates in (
        ("carts", "put in the cart", worth.carts),
        ("purchases", "bought", worth.purchases),
    ):
        if rates is not None:
            yield Measure(
                f"{name} per list",
                _AFTER.format(verb),
                (clicks * rates.of_items(lists.items)).sum(axis=1),
                ones,
            )
    revenue = worth.revenue(lists.items)
    if revenue is not None:
        assumes = _AFTER.format("bought") + ", and brings what it brought in the log"
        yield Measure("revenue per list", assumes, (clicks * revenue).sum(axis=1), ones)


def _ratios(sums: Values) -> Values:
    """Two ratios `(r, 2)` of four columns; NaN where the second of a pair is 0."""
    above, below = sums[:, 0::2], sums[:, 1::2]
    out: Values = np.full(above.shape, np.nan)
    return np.divide(above, below, out=out, where=below > 0)


def _figure(value: Values, samples: Values) -> Figure:
    return interval(float(value[0]), samples)
