"""What a click model is: how someone goes through a list, given what its items are like.

A model has a few parameters of its own (how often a place is looked at); what differs by item comes with each
call. Attraction is the probability of a click on an item that is looked at, satisfaction that of having found
what one looked for after a click. All arrays are `(n, K)`: n lists of K places. Places that are not `shown`
are passed over as if they were not there: no click, and no step on the way down.

Laws (tests/ranking/evaluation/click_models/test_behaviour.py), for every model:
- the marginal is the sum over all patterns of clicks, each the product of its conditionals;
- sampled clicks are as frequent as the marginal says;
- what is not shown is never clicked, and its attraction changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np

from vlclip.ranking.statistics.arrays import Mask, Values


class ClickBehaviour(Protocol):
    """How clicks come about in lists of items with known attraction and satisfaction, all `(n, K)`.

    A model without satisfaction ignores it. `assumes` says in one sentence what must hold.
    """

    name: ClassVar[str]
    assumes: ClassVar[str]

    def marginal(self, attraction: Values, satisfaction: Values, shown: Mask) -> Values:
        """The probability of a click at each place, whatever else is clicked."""
        ...

    def conditional(self, attraction: Values, satisfaction: Values, clicks: Mask, shown: Mask) -> Values:
        """The probability of a click at each place, given the clicks above it."""
        ...

    def sample(self, attraction: Values, satisfaction: Values, shown: Mask, rng: np.random.Generator) -> Mask:
        """Clicks drawn from the model."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What of the hidden steps is to be expected once the clicks were seen, all `(n, K)`.

    `looked` is the probability that a place was looked at. `told` are the clicks after which something is
    known of satisfaction, `satisfied` its probability there, 0 elsewhere; None of a model without it.
    """

    looked: Values
    told: Mask | None = None
    satisfied: Values | None = None


class LearnedBehaviour(ClickBehaviour, Protocol):
    """A model whose own parameters, and those of items, can be fitted by expectation and maximisation."""

    def learned(
        self, attraction: Values, satisfaction: Values, clicks: Mask, shown: Mask
    ) -> tuple[Self, Expected]:
        """The hidden steps expected by this model, and the model that makes them most probable."""
        ...

    def log_prior(self) -> float:
        """The logarithm of the prior density of the model's own parameters, but for a constant."""
        ...

    def scaled(self) -> tuple[Self, float]:
        """The model on its own scale, and by what attractions then are multiplied to tell the same."""
        ...


def reached(passing: Values | Mask) -> Values:
    """The product of what is above each place, `(n, K)`: 1 at the first."""
    out = np.ones(passing.shape)
    np.cumprod(passing[:, :-1], axis=1, out=out[:, 1:])
    return out
