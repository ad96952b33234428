"""What a click model is: how a shopper goes through a list of items.

A model has a few parameters of its own, such as how often a place is looked at. What differs by item comes
with each call. Attraction is the probability of a click on an item that is looked at. Satisfaction is the
probability that a click ends the search. All arrays are `(n, K)`: n lists of K places. Places that are not
`filled` are skipped as if they were not there: no click, and no step on the way down.

Laws (tests/ranking/evaluation/click_models/test_behaviour.py), for every model:
- the marginal is the sum over all patterns of clicks, each the product of its conditionals;
- sampled clicks are as frequent as the marginal says;
- a place that is not filled is never clicked, and its attraction changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np

from vlclip.ranking.statistics.arrays import Mask, Values


class ClickBehaviour(Protocol):
    """How clicks arise in lists of items with known attraction and satisfaction, all `(n, K)`.

    A model without satisfaction ignores it. `assumes` says in one sentence what must hold for it to be right.
    """

    name: ClassVar[str]
    assumes: ClassVar[str]

    def marginal(self, attraction: Values, satisfaction: Values, filled: Mask) -> Values:
        """The probability of a click at each place, whatever else is clicked."""
        ...

    def conditional(self, attraction: Values, satisfaction: Values, clicks: Mask, filled: Mask) -> Values:
        """The probability of a click at each place, given the clicks above it."""
        ...

    def sample(
        self, attraction: Values, satisfaction: Values, filled: Mask, rng: np.random.Generator
    ) -> Mask:
        """Clicks drawn from the model."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """The hidden steps to expect, given the clicks, all `(n, K)`.

    `examined` is the probability that a place was looked at. `informative` are the clicks that say something
    about satisfaction; `satisfied` is its probability there, 0 elsewhere. Both are None for a model without
    satisfaction.
    """

    examined: Values
    informative: Mask | None = None
    satisfied: Values | None = None


class LearnedBehaviour(ClickBehaviour, Protocol):
    """A model whose own parameters, and those of items, can be fitted by expectation and maximisation."""

    def learned(
        self, attraction: Values, satisfaction: Values, clicks: Mask, filled: Mask
    ) -> tuple[Self, Expected]:
        """The model that makes the hidden steps most probable, and these steps as this model expects them."""
        ...

    def log_prior(self) -> float:
        """The logarithm of the prior density of the model's own parameters, but for a constant."""
        ...

    def scaled(self) -> tuple[Self, float]:
        """The model on its own scale, and the factor for attractions that keeps all probabilities."""
        ...


def multiply_above(passing: Values | Mask) -> Values:
    """The product of all values above each place, `(n, K)`: 1 at the first."""
    out = np.ones(passing.shape)
    np.cumprod(passing[:, :-1], axis=1, out=out[:, 1:])
    return out
