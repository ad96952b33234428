"""Chance in an order, with the exact probability of every choice: Plackett-Luce over score / temperature.

The first place is drawn with probabilities proportional to exp(score / temperature), the second in the
same way from those left, and so on: Plackett, "The analysis of permutations", Applied Statistics 1975.
Drawn in one go by adding Gumbel noise and sorting: Kool, van Hoof & Welling, "Stochastic beams and where
to find them", ICML 2019.

Laws (tests/ranking/lists/test_exploration.py):
- at every position the probabilities of the candidates left sum to 1, and orders are drawn as often;
- temperature 0 is the plain order, and a higher one is nearer to pure chance;
- only differences of scores matter;
- the first 10 of 50, drawn from the same generator, are the 10.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

from vlclip.ranking.statistics.arrays import Indices, Values


def sample(scores: Values, temperature: float, rng: np.random.Generator, k: int) -> tuple[Indices, Values]:
    """The rows of k of the `(n,)` scores, in an order drawn by chance, and the propensity of each.

    `temperature` is in units of the score; 0 gives the plain order and propensities of 1.
    """
    noise = rng.gumbel(size=len(scores)) if temperature else 0.0
    order = np.argsort(-(_logits(scores, temperature) + noise), kind="stable")[:k]
    return order, propensities(scores, order, temperature)


def propensities(scores: Values, order: Indices, temperature: float) -> Values:
    """The probability of each item of an order at its position, given the ones above it.

    `order` are distinct rows of `scores` `(n,)`: `(k,)` for one order, `(m, k)` for many; so is what is
    given. Their product is the probability of the order.
    """
    orders = np.atleast_2d(order)
    logits = _logits(scores, temperature)
    add = np.logaddexp if temperature else np.maximum
    left = np.tile(logits, (len(orders), 1))
    np.put_along_axis(left, orders, -np.inf, axis=1)
    below = add.reduce(left, axis=1, keepdims=True, initial=-np.inf)
    placed = logits[orders]
    # what could have been placed here is what was, all that came below it, and all that never came
    could = add.accumulate(np.concatenate([placed, below], axis=1)[:, ::-1], axis=1)[:, :0:-1]
    chances: Values = np.exp(placed - could) if temperature else (placed == could).astype(np.float64)
    return chances.reshape(np.shape(order))


def stable_rng(*keys: str) -> np.random.Generator:
    """A generator seeded by these strings: the same strings, in any process, give the same draws.

    Page two continues page one when both draw from the same keys and candidates. What is to be drawn
    anew (another day, another session) has to be one of the keys.
    """
    digest = hashlib.sha256(json.dumps(keys).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _logits(scores: Values, temperature: float) -> Values:
    """Scores in units of the temperature; at 0 their places, since there only the order matters."""
    if temperature:
        logits: Values = (scores - scores.max(initial=-np.inf)) / temperature
        return logits
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = -np.arange(len(scores))
    return places
