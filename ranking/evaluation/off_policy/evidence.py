"""All that is known of a log and of one policy's estimates on it, and the verdict on that.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- what is not known is not judged;
- numbers that are no probabilities are refused, and nothing is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from vlclip.ranking.evaluation.off_policy import checks, estimate_checks
from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.evaluation.off_policy.terms import Estimate, Terms
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Verdict
from vlclip.ranking.statistics.arrays import Indices, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known; None for what is not.

    A row is a choice; of a list each filled place is one. By row, `(n,)`: `reward`, `propensity`, `target`,
    `unit`, `predicted` and `baseline` as in `Choices`; `place` from 0, and whether probabilities are
    `pooled`, of an item over all places together; `outside`, the target's probability of choices that could
    not have been logged; `sums` of all candidates' propensities; the number of `candidates`, where all had
    a chance; the number `chosen` among `probabilities` `(n, choices)`.

    `terms` and `estimate` are of the estimator that is looked at first, `estimates` of all. `shown_at`,
    `came_at` and `now` are times as in `checks.clocks`. `counts` of units by arm go with `shares`.
    """

    reward: Values | None = None
    propensity: Values | None = None
    target: Values | None = None
    unit: Indices | None = None
    place: Indices | None = None
    pooled: bool | None = None
    predicted: Values | None = None
    baseline: Values | None = None
    outside: Values | None = None
    sums: Values | None = None
    candidates: Values | None = None
    chosen: Indices | None = None
    probabilities: Values | None = None
    terms: Terms | None = None
    terms_unit: Indices | None = None
    estimate: Estimate | None = None
    estimates: Sequence[Estimate] = ()
    shown_at: Values | None = None
    came_at: Values | None = None
    now: float | None = None
    counts: Mapping[str, int] | None = None
    shares: Sequence[float] = ()

    @classmethod
    def of_choices(cls, log: Choices, **known: Any) -> Self:
        """The evidence in a log of single choices, and what else is `known`."""
        return cls(
            reward=log.reward, propensity=log.propensity, target=log.target,
            unit=log.unit, terms_unit=log.unit, predicted=log.predicted, baseline=log.baseline, **known,
        )  # fmt: skip

    @classmethod
    def of_lists(cls, log: ListLog, **known: Any) -> Self:
        """The evidence in a log of lists, and what else is `known`; a list without a unit is one itself."""
        row, place = np.nonzero(log.filled)
        unit = row if log.unit is None else log.unit[row]
        rewards, propensities, targets = (of[log.filled] for of in (log.reward, log.propensity, log.target))
        return cls(
            reward=rewards, propensity=propensities, target=targets,
            unit=unit, place=place, pooled=False, terms_unit=log.unit,
            predicted=None if log.predicted is None else log.predicted[log.filled],
            baseline=None if log.baseline is None else log.baseline[log.filled],
            **known,
        )  # fmt: skip


def judge(evidence: Evidence) -> Verdict:
    """Everything that can be checked with this evidence."""
    return Verdict(
        tuple(one for one in (*_of_log(evidence), *_of_rows(evidence), *_of_estimates(evidence)) if one)
    )


def _of_log(known: Evidence) -> list[Finding | None]:
    found: list[Finding | None] = []
    if known.shown_at is not None and known.came_at is not None and known.now is not None:
        found.append(checks.clocks(known.shown_at, known.came_at, known.now))
    if known.counts is not None:
        found.append(checks.dealt(known.counts, known.shares))
    if known.sums is not None:
        found.append(checks.sums(known.sums))
    if known.chosen is not None and known.probabilities is not None:
        found.append(checks.frequencies(known.chosen, known.probabilities, known.place))
    if known.outside is not None:
        found.append(checks.outside(known.outside))
    return found


def _of_rows(known: Evidence) -> list[Finding | None]:
    reward, propensity, target = known.reward, known.propensity, known.target
    if reward is None or propensity is None or target is None:
        return []
    possible = checks.numbers(reward, propensity, target)
    if possible.level == "refused":
        return [possible]
    weights = target / propensity
    unexplored = checks.explored(propensity, target)
    found = [possible, unexplored, checks.rewards(reward, weights)]
    if unexplored is None:
        found.append(checks.mean_weight(weights, known.unit))
        constants = [weights]
        if known.candidates is not None:
            found.append(checks.inverse_propensities(propensity, known.candidates, known.unit))
            constants.append(1 / (propensity * known.candidates))
        if known.predicted is not None and known.baseline is not None:
            constants.append(weights * known.predicted - known.baseline)
            found.append(checks.balance(weights, known.predicted, known.baseline, known.unit))
        if known.place is not None:
            found.append(
                checks.positions(reward, known.place, known.unit, constants=constants, pooled=known.pooled)
            )
        used = None if known.terms is None else known.terms.weights
        # of a list the rows are steps, and only what an estimator makes of them is a weight
        whole = [weights] if used is None or len(used) == len(weights) else []
        found.append(estimate_checks.heavy(*whole, *([] if used is None else [used])))
    if known.estimate is None:
        found.append(estimate_checks.size(_effective(weights), len(weights)))
    return found


def _of_estimates(known: Evidence) -> list[Finding | None]:
    found: list[Finding | None] = []
    if known.estimate is not None:
        first = known.estimate
        found += [
            estimate_checks.size(first.effective, first.rows),
            estimate_checks.weight_left(first),
            estimate_checks.independent_places(first, known.estimates),
            estimate_checks.skewed(first),
        ]
    if known.terms is not None:
        parts = [part for part in (known.terms.plain, known.terms.above) if part is not None]
        by_row: Values = np.sum([part.reshape(len(part), -1).sum(axis=1) for part in parts], axis=0)
        found.append(estimate_checks.tails(by_row, known.terms_unit))
    if known.estimates:
        found.append(estimate_checks.disagreement(known.estimates))
    return found


def _effective(weights: Values) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
