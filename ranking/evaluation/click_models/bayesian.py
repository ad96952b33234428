"""The dynamic Bayesian network: shoppers look from the top until an item satisfies them or they give up.

    P(look at next | looked at k) = continuation · (1 - attraction of k · satisfaction of k)
    P(click at k) = attraction of k · P(looked at k)

Chapelle & Zhang, A dynamic Bayesian network click model for web search ranking, WWW 2009.

Laws: those of `behaviour.py`; with satisfaction 1 and continuation 1 it is the cascade model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vlclip.ranking.evaluation.click_models.behaviour import Expected, multiply_above
from vlclip.ranking.statistics.arrays import Mask, Values


@dataclass(frozen=True, slots=True)
class DynamicBayesian:
    """`continuation` is the probability that someone not yet satisfied looks at the next item."""

    continuation: float

    name: ClassVar[str] = "dynamic-bayesian"
    assumes: ClassVar[str] = (
        "everyone looks from the top, leaves once a clicked item satisfies, and otherwise goes on equally "
        "often from every place"
    )

    def marginal(self, attraction: Values, satisfaction: Values, filled: Mask) -> Values:
        """The probability of a click at each place, `(n, K)`."""
        passing = self.continuation * (1 - attraction * satisfaction)
        return np.where(filled, attraction, 0.0) * multiply_above(np.where(filled, passing, 1.0))

    def conditional(self, attraction: Values, satisfaction: Values, clicks: Mask, filled: Mask) -> Values:
        """The attraction times the probability, after the clicks above, that the place is looked at."""
        out = np.zeros(filled.shape)
        examined = np.ones(len(filled))
        for k in range(filled.shape[1]):
            out[:, k] = np.where(filled[:, k], examined * attraction[:, k], 0.0)
            # without a click either the item did not attract, or nobody examined
            unsure = 1 - out[:, k]
            unclicked = np.divide(examined - out[:, k], unsure, out=np.zeros_like(examined), where=unsure > 0)
            stays = np.where(clicks[:, k], 1 - satisfaction[:, k], unclicked)
            examined = np.where(filled[:, k], self.continuation * stays, examined)
        return out

    def sample(
        self, attraction: Values, satisfaction: Values, filled: Mask, rng: np.random.Generator
    ) -> Mask:
        """Clicks drawn, `(n, K)`."""
        attracted = rng.random(filled.shape) < attraction
        satisfied = rng.random(filled.shape) < satisfaction
        goes_on = rng.random(filled.shape) < self.continuation
        passing = np.where(filled, goes_on & ~(attracted & satisfied), 1.0)
        clicks: Mask = filled & attracted & (multiply_above(passing) > 0)
        return clicks

    def learned(
        self, attraction: Values, satisfaction: Values, clicks: Mask, filled: Mask
    ) -> tuple[Self, Expected]:
        """One exact step of EM: backwards the probability of no more clicks, forwards that of each look.

        Chuklin, Markov & de Rijke, Click Models for Web Search, 2015, chapter 4. A click on the last item
        says nothing about satisfaction and is left out.
        """
        more_clicks, more_filled = _below(clicks), _below(filled)
        silent = self._silent(attraction, filled, more_filled)
        satisfied = np.where(
            clicks & ~more_clicks, satisfaction / (satisfaction + (1 - satisfaction) * silent), 0.0
        )
        # the share that looked further, of those who were not satisfied and did not click again
        onward = np.where(more_clicks, 1.0, 1 - (1 - self.continuation) / silent)
        examined, could, went = np.zeros((3, *filled.shape))
        here = np.ones(len(filled))
        for k in range(filled.shape[1]):
            here = np.where(clicks[:, k] | more_clicks[:, k], 1.0, here)
            examined[:, k] = np.where(filled[:, k], here, 0.0)
            could[:, k] = examined[:, k] * (1 - satisfied[:, k]) * more_filled[:, k]
            went[:, k] = could[:, k] * onward[:, k]
            here = np.where(filled[:, k], went[:, k], here)
        informative = clicks & more_filled
        # one step more than was observed: the prior, as for examination
        continuation = float((went.sum() + 1) / (could.sum() + 1))
        return type(self)(continuation), Expected(
            examined, informative, np.where(informative, satisfied, 0.0)
        )

    def log_prior(self) -> float:
        """The log-density of Beta(2, 1): as if a shopper had gone on once more."""
        return float(np.log(self.continuation))

    def scaled(self) -> tuple[Self, float]:
        """Itself and 1: the first place is always looked at."""
        return self, 1.0

    def _silent(self, attraction: Values, filled: Mask, more_filled: Mask) -> Values:
        """The probability of no click below a place that was looked at and did not satisfy, `(n, K)`."""
        out = np.ones(filled.shape)
        from_here = np.ones(len(filled))
        for k in range(filled.shape[1] - 1, -1, -1):
            out[:, k] = np.where(
                more_filled[:, k], 1 - self.continuation + self.continuation * from_here, 1.0
            )
            from_here = np.where(filled[:, k], (1 - attraction[:, k]) * out[:, k], from_here)
        return out


def _below(marks: Mask) -> Mask:
    """Whether there is a mark below each place, `(n, K)`."""
    out = np.zeros_like(marks)
    out[:, :-1] = np.logical_or.accumulate(marks[:, :0:-1], axis=1)[:, ::-1]
    return out
