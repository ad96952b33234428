"""What the estimators read: a log of choices, or of lists, with the probabilities of two policies.

The logging policy is the one that was running; the target policy is the one that is asked about. Both are
given by their probabilities of what was logged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.statistics.arrays import Indices, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Single choices, a row each, all `(n,)`.

    `reward` is what came of it (a click, 0 or 1; money). `propensity` is the logging policy's probability of
    the choice in its context, over 0; `target` the target policy's of the same choice. `predicted` is a
    reward model's expectation for the logged choice, `baseline` its expectation under the target policy, the
    mean over all choices by the target's probabilities; both None without a model. Rows of one `unit`
    (numbers from 0, in no order) depend on each other; None where each row is a unit of its own.
    """

    reward: Values
    propensity: Values
    target: Values
    predicted: Values | None = None
    baseline: Values | None = None
    unit: Indices | None = None

    @property
    def weights(self) -> Values:
        """The importance weights `(n,)`: target over propensity."""
        return self.target / self.propensity


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLog:
    """Lists, a row each, padded to K places: all `(n, K)` but `unit` `(n,)`.

    `shown` says which places were filled; elsewhere rewards are 0 and probabilities 1. `reward` is what came
    of each place; the value of a list is the sum over its places. `propensity` is the logging policy's
    probability of the item at its place given the items above it, over 0; `target` the target policy's of the
    same item given the same items above. Their products along a row are the probabilities of the list.

    `place_propensity` and `place_target` are the probabilities of the item at its place, whatever is above
    it; None where they are not known. `predicted` is a reward model's expectation of the rewards from this
    place on, given the items down to this one, if the target policy filled the later places; `baseline` the
    same before this place's item is known: the mean over its candidates by the target's probabilities. Both
    are None without a model. `unit` as in `Choices`.
    """

    reward: Values
    propensity: Values
    target: Values
    shown: NDArray[np.bool_]
    place_propensity: Values | None = None
    place_target: Values | None = None
    predicted: Values | None = None
    baseline: Values | None = None
    unit: Indices | None = None
