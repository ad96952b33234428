"""What an arm is really worth to the shoppers of a simulated shop, on the steps that a log was made of.

    value = mean over lists of Σ over places of P(click at the place), by the click model's marginal

For an arm without chance this sum is exact. For an arm that explores it is averaged over orders drawn anew
from the arm's Plackett-Luce distribution over its own candidates (`ranking/lists/exploration.py`). The
interval is that of the average: more draws make it as narrow as you like. The value holds for these steps of
these shoppers; other steps have another value.

Laws (tests/ranking/evaluation/simulator/test_truth.py):
- the value of the logging arm is the mean of its log, within the error of both;
- for a small list the average over draws is the sum over all orders times their probabilities;
- an arm that ranks by what shoppers like is worth more than one that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.visits import VisitStep
from vlclip.ranking.lists.answer import Answer
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure

DRAWS = 30
"""Orders drawn for a list with chance in it."""
WITHIN = 1.96
"""Standard errors on each side of a 95 % interval."""
CUTS = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The expected reward of an arm, each figure with the interval over the orders that were drawn.

    `clicks` and `revenue` are for a list, `ctr` by k is for a place of the first k. `error` is the standard
    error of `clicks`, 0 without chance.
    """

    arm: str
    lists: int
    clicks: Figure
    ctr: Mapping[int, Figure]
    revenue: Figure
    error: float


def true_value(shop: SimulatedShop, arm: Arm, steps: Iterable[VisitStep], *, draws: int = DRAWS) -> Truth:
    """What `arm` is worth on these steps; `EvaluationError` where there are none.

    With a history each request is answered from what had happened by then, under the arm that made the log.
    """
    cuts = [cut for cut in CUTS if cut < shop.world.limit] + [shop.world.limit]
    rng = np.random.default_rng([shop.world.seed, 3])
    total, noise, lists = np.zeros(len(cuts) + 2), np.zeros(len(cuts) + 2), 0
    for step in steps:
        worth = _worth(shop, step, shop.answer(step, arm), cuts, draws, rng)
        total += worth.mean(axis=0)
        if len(worth) > 1:
            noise += worth.var(axis=0, ddof=1) / len(worth)
        lists += 1
    if not lists:
        raise EvaluationError(
            "no list was requested, so no arm is worth anything; simulate at least one list"
        )
    means, errors = total / lists, np.sqrt(noise) / lists
    figures = [
        Figure(mean, mean - WITHIN * error, mean + WITHIN * error)
        for mean, error in zip(means.tolist(), errors.tolist(), strict=True)
    ]
    return Truth(
        arm=f"{arm.id}@{arm.hash}", lists=lists, clicks=figures[0], revenue=figures[1],
        ctr=dict(zip(cuts, figures[2:], strict=True)), error=float(errors[0]),
    )  # fmt: skip


def _worth(
    shop: SimulatedShop,
    step: VisitStep,
    answer: Answer,
    cuts: list[int],
    draws: int,
    rng: np.random.Generator,
) -> Values:
    """Clicks, revenue and CTR at each cut, one row for each order: `(m, 2 + cuts)`."""
    rows = orders(answer, shop, draws, rng)
    if not rows.shape[1]:
        return np.zeros((1, 2 + len(cuts)))
    items, where = np.unique(rows, return_inverse=True)
    attraction, satisfaction = shop.likes(step, items)
    where = where.reshape(rows.shape)
    clicks = shop.clicks.marginal(attraction[where], satisfaction[where], np.ones(rows.shape, dtype=bool))
    brings = (satisfaction * shop.world.cart * shop.world.purchase * shop.prices[items])[where]
    ctr = [clicks[:, :cut].sum(axis=1) / cut for cut in cuts]
    return np.stack([clicks.sum(axis=1), (clicks * brings).sum(axis=1), *ctr], axis=1)


def orders(answer: Answer, shop: SimulatedShop, draws: int, rng: np.random.Generator) -> Indices:
    """Orders the list might have had, `(draws, places)` rows of the catalogue; one order without chance.

    Chance changes some places only: pins stand above them, and items too deep for it below.
    """
    rows = shop.catalogue.rows([result.id for result in answer])[None]
    if not answer.explored:
        return rows
    ids, scores = zip(*answer.explored, strict=True)
    dealt = set(ids)
    places = np.flatnonzero([result.id in dealt for result in answer])
    noise = rng.gumbel(size=(draws, len(ids)))
    sampled = np.argsort(-(np.array(scores) / answer.arm.exploration.temperature + noise), axis=1)
    rows = np.repeat(rows, draws, axis=0)
    rows[:, places] = shop.catalogue.rows(ids)[sampled[:, : len(places)]]
    return rows
