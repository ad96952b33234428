"""What the estimators read: a log of choices, or of lists, with the probabilities of two policies.

The logging policy is the one that was running; the target policy is the one to be evaluated. Both appear as
their probabilities of what was logged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.statistics.arrays import Indices, Values

TOLERANCE = 1e-9
"""How far over 1 a probability may come by rounding."""


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

    `filled` says which places had an item; elsewhere rewards are 0 and probabilities 1. `reward` is what came
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
    filled: NDArray[np.bool_]
    place_propensity: Values | None = None
    place_target: Values | None = None
    predicted: Values | None = None
    baseline: Values | None = None
    unit: Indices | None = None


def check_choices(log: Choices) -> None:
    """EvaluationError for choices that no estimator can read."""
    rows = np.shape(log.reward)
    if len(rows) != 1 or not rows[0]:
        raise EvaluationError("The log has no choices: widen the time or the filter it was read with.")
    for name in ("reward", "propensity", "target", "predicted", "baseline", "unit"):
        values = getattr(log, name)
        if values is None:
            continue
        if np.shape(values) != rows:
            raise EvaluationError(
                f"`{name}` has shape {np.shape(values)} and `reward` {rows}: give one number a row."
            )
        if not np.isfinite(values).all():
            raise EvaluationError(f"`{name}` has NaN or infinite values: leave those rows out.")
    if log.propensity.min() <= 0 or log.propensity.max() > 1 + TOLERANCE:
        raise EvaluationError(
            "Propensities must be over 0 and at most 1: leave out rows whose probability was not logged."
        )
    if log.target.min() < 0 or log.target.max() > 1 + TOLERANCE:
        raise EvaluationError("The target policy's probabilities must be from 0 to 1: give it no scores.")


def check_lists(log: ListLog) -> None:
    """EvaluationError for lists that no estimator can read."""
    shape = log.reward.shape
    if len(shape) != 2 or not log.reward.size:
        raise EvaluationError(f"rewards are {shape}; give lists as rows and places as columns")
    probabilities = {
        "propensity": log.propensity,
        "target": log.target,
        "place_propensity": log.place_propensity,
        "place_target": log.place_target,
    }
    others = {
        "reward": log.reward,
        "filled": log.filled,
        "predicted": log.predicted,
        "baseline": log.baseline,
    }
    for name, values in (others | probabilities).items():
        if values is None:
            continue
        if values.shape != shape:
            raise EvaluationError(f"{name} is {values.shape}, rewards {shape}; give all one shape")
        if not np.isfinite(values).all():
            raise EvaluationError(f"{name} has values that are not numbers; leave those lists out")
    if log.unit is not None and log.unit.shape != shape[:1]:
        raise EvaluationError(f"unit is {log.unit.shape}, rewards {shape}; give each list its unit")
    if log.reward[~log.filled].any():
        raise EvaluationError("a place that was not filled has a reward; give it 0 or mark it filled")
    for name, values in probabilities.items():
        if values is None:
            continue
        low, high = values.min(), values.max()
        if not 0 <= low <= high <= 1 + TOLERANCE:
            raise EvaluationError(f"{name} runs from {low} to {high}; give probabilities, from 0 to 1")
        if name.endswith("propensity") and not low:
            raise EvaluationError(
                f"{name} is 0 for what was shown, so weights cannot be computed; leave those lists out"
            )
        if (values[~log.filled] != 1).any():
            raise EvaluationError(f"{name} of a place that was not filled must be 1; pad the lists with 1")
