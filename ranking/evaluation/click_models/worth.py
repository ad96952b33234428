"""What a click on an item is worth: how often it leads to a cart or a purchase, and what that brings.

Laws (tests/ranking/evaluation/click_models/test_proxies.py):
- on the log they were counted on, rates times clicks are about the clicks that led there;
- what the log never had (carts, purchases, money) is None, not 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlclip.ranking.evaluation.click_models.log import ClickLog
from vlclip.ranking.evaluation.click_models.rates import Rates, fit_prior
from vlclip.ranking.statistics.arrays import Indices, Mask, Values


@dataclass(frozen=True, slots=True)
class Worth:
    """By item: `carts` and `purchases` a click, and what one purchase brings, `paid` `(m + 1,)`.

    The last of `paid` is for an item that is not in the log. None where the log has none.
    """

    carts: Rates | None
    purchases: Rates | None
    paid: Values | None

    def revenue(self, items: Indices) -> Values | None:
        """What a click on each item brings, in their shape; None where the log has no payments."""
        if self.purchases is None or self.paid is None:
            return None
        return self.purchases.of_items(items) * self.paid[items]


def worth(log: ClickLog) -> Worth:
    """What clicks were worth in a log; carts and purchases without a click are left out.

    A purchase of an item brings the mean of its purchases; of an item never bought, the mean of all.
    """
    bought = None if log.purchases is None else log.clicked & (log.purchases > 0)
    carted = None if log.carts is None else log.clicked & (log.carts > 0)
    return Worth(_rates(log, carted), _rates(log, bought), _paid(log, bought))


def _rates(log: ClickLog, ended: Mask | None) -> Rates | None:
    if ended is None or not ended.any():
        return None
    hits, chances = log.by_item(ended), log.by_item(log.clicked)
    return Rates(hits, chances, fit_prior(hits, chances))


def _paid(log: ClickLog, bought: Mask | None) -> Values | None:
    if bought is None or log.value is None or not (log.value * bought).any():
        return None
    value, times = log.by_item(log.value * bought), log.by_item(bought)
    common = value.sum() / times.sum()
    paid = np.full(len(log.names) + 1, common)
    np.divide(value, times, out=paid[:-1], where=times > 0)
    return paid
