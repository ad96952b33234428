"""The cascade model: items are looked at from the top, one by one, until one is clicked.

    P(click at k) = attraction of k · product over j above k of (1 - attraction of j)

Craswell, Zoeter, Taylor & Ramsey, An experimental comparison of click position-bias models, WSDM 2008.

Laws: those of `behaviour.py`; a list has one click at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ranking.evaluation.click_models.behaviour import Mask, reached
from ranking.evaluation.off_policy.log import Values


@dataclass(frozen=True, slots=True)
class Cascade:
    """It has no parameters of its own."""

    name: ClassVar[str] = "cascade"
    assumes: ClassVar[str] = (
        "everyone looks at every item from the top until the first click, and then leaves"
    )

    def marginal(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models are called alike
        shown: Mask,
    ) -> Values:
        """The probability of a click at each place, `(n, K)`."""
        attracts = np.where(shown, attraction, 0.0)
        return attracts * reached(1 - attracts)

    def conditional(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models are called alike
        clicks: Mask,
        shown: Mask,
    ) -> Values:
        """The attraction down to the first click, 0 below it."""
        return np.where(shown, attraction, 0.0) * reached(~clicks)

    def sample(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models are called alike
        shown: Mask,
        rng: np.random.Generator,
    ) -> Mask:
        """Clicks drawn, `(n, K)`, one a list at most."""
        attracted = shown & (rng.random(shown.shape) < attraction)
        clicks: Mask = attracted & (reached(~attracted) > 0)
        return clicks
