"""The dynamic Bayesian network: from the top, until a clicked item satisfies or one gives up.

    P(look at next | looked at k) = continuation · (1 - attraction of k · satisfaction of k)
    P(click at k) = attraction of k · P(looked at k)

Chapelle & Zhang, A dynamic Bayesian network click model for web search ranking, WWW 2009.

Laws: those of `behaviour.py`; with satisfaction 1 and continuation 1 it is the cascade model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ranking.evaluation.click_models.behaviour import Mask, reached
from ranking.evaluation.off_policy.log import Values


@dataclass(frozen=True, slots=True)
class DynamicBayesian:
    """`continuation` is the probability that someone not yet satisfied looks at the next item."""

    continuation: float

    name: ClassVar[str] = "dynamic-bayesian"
    assumes: ClassVar[str] = (
        "everyone looks from the top, leaves once a clicked item satisfies, and otherwise goes on equally "
        "often from every place"
    )

    def marginal(self, attraction: Values, satisfaction: Values, shown: Mask) -> Values:
        """The probability of a click at each place, `(n, K)`."""
        passing = self.continuation * (1 - attraction * satisfaction)
        return np.where(shown, attraction, 0.0) * reached(np.where(shown, passing, 1.0))

    def conditional(self, attraction: Values, satisfaction: Values, clicks: Mask, shown: Mask) -> Values:
        """The attraction times the probability, after the clicks above, that the place is looked at."""
        out = np.zeros(shown.shape)
        looked = np.ones(len(shown))
        for k in range(shown.shape[1]):
            out[:, k] = np.where(shown[:, k], looked * attraction[:, k], 0.0)
            # without a click either the item did not attract, or nobody looked
            unsure = 1 - out[:, k]
            unclicked = np.divide(looked - out[:, k], unsure, out=np.zeros_like(looked), where=unsure > 0)
            stays = np.where(clicks[:, k], 1 - satisfaction[:, k], unclicked)
            looked = np.where(shown[:, k], self.continuation * stays, looked)
        return out

    def sample(self, attraction: Values, satisfaction: Values, shown: Mask, rng: np.random.Generator) -> Mask:
        """Clicks drawn, `(n, K)`."""
        attracted = rng.random(shown.shape) < attraction
        satisfied = rng.random(shown.shape) < satisfaction
        goes_on = rng.random(shown.shape) < self.continuation
        passing = np.where(shown, goes_on & ~(attracted & satisfied), 1.0)
        clicks: Mask = shown & attracted & (reached(passing) > 0)
        return clicks
