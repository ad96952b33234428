"""Draws an order by chance, with the exact probability of every choice: Plackett-Luce by score / temperature.

The first place is drawn with probabilities proportional to exp(score / temperature), the second in the
same way from the rest, and so on: Plackett, "The analysis of permutations", Applied Statistics 1975.
Drawn in one go by adding Gumbel noise and sorting: Kool, van Hoof & Welling, "Stochastic beams and where
to find them", ICML 2019.

Laws (tests/ranking/lists/test_exploration.py):
- at every position the probabilities of the remaining candidates sum to 1, and orders are drawn as often as
  their probabilities say;
- temperature 0 is the plain order, and a higher temperature is nearer to pure chance;
- only differences of scores matter;
- the first 10 of 50, drawn from the same generator, are the list of 10.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

from vlclip.ranking.statistics.arrays import Indices, Values


def sample(scores: Values, temperature: float, rng: np.random.Generator, k: int) -> tuple[Indices, Values]:
    """K rows of the `(n,)` scores, in an order drawn by chance, and the propensity of each.

    `temperature` is in units of the score; 0 gives the plain order and propensities of 1.
    """
    noise = rng.gumbel(size=len(scores)) if temperature else 0.0
    order = np.argsort(-(_logits(scores, temperature) + noise), kind="stable")[:k]
    return order, propensities(scores, order, temperature)


def propensities(scores: Values, order: Indices, temperature: float) -> Values:
    """The probability of each item of an order at its position, given the items above it.

    `order` are distinct rows of `scores` `(n,)`: `(k,)` for one order, `(m, k)` for many. The result has the
    same shape. The product over an order is the probability of the order.
    """
    orders = np.atleast_2d(order)
    logits = _logits(scores, temperature)
    add = np.logaddexp if temperature else np.maximum
    without_placed = np.tile(logits, (len(orders), 1))
    np.put_along_axis(without_placed, orders, -np.inf, axis=1)
    below = add.reduce(without_placed, axis=1, keepdims=True, initial=-np.inf)
    placed_logits = logits[orders]
    # each place could have gone to the item that has it, to those below it, and to those without a place
    could = add.accumulate(np.concatenate([placed_logits, below], axis=1)[:, ::-1], axis=1)[:, :0:-1]
    chances: Values = (
        np.exp(placed_logits - could) if temperature else (placed_logits == could).astype(np.float64)
    )
    return chances.reshape(np.shape(order))


def stable_rng(*keys: str) -> np.random.Generator:
    """A generator seeded by these strings: the same strings give the same draws, in any process.

    Page two continues page one if both draw with the same keys and candidates. To draw anew for another day
    or session, make it one of the keys.
    """
    digest = hashlib.sha256(json.dumps(keys).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _logits(scores: Values, temperature: float) -> Values:
    """Scores in units of the temperature; at temperature 0 negative places, since only the order matters."""
    if temperature:
        logits: Values = (scores - scores.max(initial=-np.inf)) / temperature
        return logits
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = -np.arange(len(scores))
    return places
