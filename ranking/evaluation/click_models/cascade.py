"""The cascade model: items are looked at from the top, one by one, until one is clicked.

    P(click at k) = attraction of k · product over j above k of (1 - attraction of j)

Craswell, Zoeter, Taylor & Ramsey, An experimental comparison of click position-bias models, WSDM 2008.

Laws: those of `behaviour.py`; a list has one click at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vlclip.ranking.evaluation.click_models.behaviour import Expected, multiply_above
from vlclip.ranking.statistics.arrays import Mask, Values


@dataclass(frozen=True, slots=True)
class Cascade:
    """A model without parameters of its own."""

    name: ClassVar[str] = "cascade"
    assumes: ClassVar[str] = (
        "everyone looks at every item from the top until the first click, and then leaves"
    )

    def marginal(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models have one signature
        filled: Mask,
    ) -> Values:
        """The probability of a click at each place, `(n, K)`."""
        attracts = np.where(filled, attraction, 0.0)
        return attracts * multiply_above(1 - attracts)

    def conditional(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models have one signature
        clicks: Mask,
        filled: Mask,
    ) -> Values:
        """The attraction down to the first click, 0 below it."""
        return np.where(filled, attraction, 0.0) * multiply_above(~clicks)

    def sample(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models have one signature
        filled: Mask,
        rng: np.random.Generator,
    ) -> Mask:
        """Clicks drawn, `(n, K)`, at most one a list."""
        attracted = filled & (rng.random(filled.shape) < attraction)
        clicks: Mask = attracted & (multiply_above(~attracted) > 0)
        return clicks

    def learned(
        self,
        attraction: Values,  # noqa: ARG002 - the clicks alone say what was looked at
        satisfaction: Values,  # noqa: ARG002 - all models have one signature
        clicks: Mask,
        filled: Mask,
    ) -> tuple[Self, Expected]:
        """Everything down to the first click was looked at; clicks below it are left out."""
        return self, Expected(np.where(filled, multiply_above(~clicks), 0.0))

    def log_prior(self) -> float:
        """0: it learns nothing but attraction."""
        return 0.0

    def scaled(self) -> tuple[Self, float]:
        """Itself and 1: the first place is always looked at."""
        return self, 1.0
