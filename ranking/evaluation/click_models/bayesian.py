"""The dynamic Bayesian network: from the top, until a clicked item satisfies or one gives up.

    P(look at next | looked at k) = continuation · (1 - attraction of k · satisfaction of k)
    P(click at k) = attraction of k · P(looked at k)

Chapelle & Zhang, A dynamic Bayesian network click model for web search ranking, WWW 2009.

Laws: those of `behaviour.py`; with satisfaction 1 and continuation 1 it is the cascade model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vlclip.ranking.evaluation.click_models.behaviour import Expected, reached
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

    def learned(
        self, attraction: Values, satisfaction: Values, clicks: Mask, shown: Mask
    ) -> tuple[Self, Expected]:
        """One step of EM, exact: backwards the probability of no more clicks, forwards what it says of looks.

        Chuklin, Markov & de Rijke, Click Models for Web Search, 2015, chapter 4. A click on the last item
        tells nothing of satisfaction, and is left out.
        """
        more_clicks, more_shown = _below(clicks), _below(shown)
        silent = self._silent(attraction, shown, more_shown)
        satisfied = np.where(
            clicks & ~more_clicks, satisfaction / (satisfaction + (1 - satisfaction) * silent), 0.0
        )
        # of those who were not satisfied and did not click again, who looked further without a click
        onward = np.where(more_clicks, 1.0, 1 - (1 - self.continuation) / silent)
        looked, could, went = np.zeros((3, *shown.shape))
        here = np.ones(len(shown))
        for k in range(shown.shape[1]):
            here = np.where(clicks[:, k] | more_clicks[:, k], 1.0, here)
            looked[:, k] = np.where(shown[:, k], here, 0.0)
            could[:, k] = looked[:, k] * (1 - satisfied[:, k]) * more_shown[:, k]
            went[:, k] = could[:, k] * onward[:, k]
            here = np.where(shown[:, k], went[:, k], here)
        told = clicks & more_shown
        # one more step than was seen: the prior, as for examination
        continuation = float((went.sum() + 1) / (could.sum() + 1))
        return type(self)(continuation), Expected(looked, told, np.where(told, satisfied, 0.0))

    def log_prior(self) -> float:
        """That of Beta(2, 1): as if someone had gone on once more."""
        return float(np.log(self.continuation))

    def scaled(self) -> tuple[Self, float]:
        """As it is: the first place is always looked at."""
        return self, 1.0

    def _silent(self, attraction: Values, shown: Mask, more_shown: Mask) -> Values:
        """The probability of no click below a place that was looked at and did not satisfy, `(n, K)`."""
        out = np.ones(shown.shape)
        from_here = np.ones(len(shown))
        for k in range(shown.shape[1] - 1, -1, -1):
            out[:, k] = np.where(more_shown[:, k], 1 - self.continuation + self.continuation * from_here, 1.0)
            from_here = np.where(shown[:, k], (1 - attraction[:, k]) * out[:, k], from_here)
        return out


def _below(marks: Mask) -> Mask:
    """Whether there is any mark below each place, `(n, K)`."""
    out = np.zeros_like(marks)
    out[:, :-1] = np.logical_or.accumulate(marks[:, :0:-1], axis=1)[:, ::-1]
    return out
