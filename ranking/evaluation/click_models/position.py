"""The position-based model: each place is looked at with a probability of its own, whatever is in the others.

    P(click at k) = examination of k · attraction of the item

Craswell, Zoeter, Taylor & Ramsey, An experimental comparison of click position-bias models, WSDM 2008.

Laws: those of `behaviour.py`; clicks above change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.behaviour import Expected
from vlclip.ranking.statistics.arrays import Mask, Values


@dataclass(frozen=True, slots=True)
class PositionBased:
    """`examination` `(K,)` is the probability that a place is looked at; lists may be shorter, not longer."""

    examination: Values

    name: ClassVar[str] = "position-based"
    assumes: ClassVar[str] = (
        "a place is looked at equally often whatever is above it, and an item attracts equally in every place"
    )

    def marginal(
        self,
        attraction: Values,
        satisfaction: Values,  # noqa: ARG002 - all models have one signature
        filled: Mask,
    ) -> Values:
        """The probability of a click at each place, `(n, K)`; `EvaluationError` beyond its own places."""
        if filled.shape[1] > len(self.examination):
            raise EvaluationError(
                f"the lists have {filled.shape[1]} places, the model was fitted on {len(self.examination)}; "
                "cut the lists or fit it on longer ones"
            )
        return np.where(filled, attraction * self.examination[: filled.shape[1]], 0.0)

    def conditional(
        self,
        attraction: Values,
        satisfaction: Values,
        clicks: Mask,  # noqa: ARG002 - here clicks above say nothing
        filled: Mask,
    ) -> Values:
        """The same as the marginal."""
        return self.marginal(attraction, satisfaction, filled)

    def sample(
        self, attraction: Values, satisfaction: Values, filled: Mask, rng: np.random.Generator
    ) -> Mask:
        """Clicks drawn, `(n, K)`."""
        clicks: Mask = rng.random(filled.shape) < self.marginal(attraction, satisfaction, filled)
        return clicks

    def learned(
        self, attraction: Values, satisfaction: Values, clicks: Mask, filled: Mask
    ) -> tuple[Self, Expected]:
        """One step of EM; a place of examination 1 keeps it.

        A place without a click was looked at with probability θ(1 - a) / (1 - θa).
        """
        unclicked = 1 - self.marginal(attraction, satisfaction, filled)
        missed = self.examination[: filled.shape[1]] * (1 - attraction)
        examined = np.where(
            clicks, 1.0, np.divide(missed, unclicked, out=np.ones_like(missed), where=unclicked > 0)
        )
        examined = np.where(filled, examined, 0.0)
        # one look more than was observed: the prior, so that no place is out of reach
        examination = (examined.sum(axis=0) + 1) / (filled.sum(axis=0) + 1)
        return type(self)(examination), Expected(examined)

    def log_prior(self) -> float:
        """The log-density of Beta(2, 1) for each place: as if it had been looked at once more."""
        return float(np.log(self.examination).sum())

    def scaled(self) -> tuple[Self, float]:
        """The largest examination is 1: clicks determine only its product with attraction."""
        most = float(self.examination.max())
        return type(self)(self.examination / most), most
