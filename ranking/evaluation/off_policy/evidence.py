"""What is known of a log and of one policy's estimates on it, and the verdict on that.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- a check without its evidence gives no finding;
- impossible probabilities are refused, and nothing else is computed from them.
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
    """Evidence for the checks; None for what is not known.

    A row is a choice; of a list each filled place is one. By row, `(n,)`: `reward`, `propensity`, `target`,
    `unit`, `predicted` and `baseline` as in `Choices`; `place` from 0, and whether probabilities are
    `pooled`, of an item over all places together; `outside`, the target's probability of choices that could
    not have been logged; `sums` of all candidates' propensities; the number of `candidates`, where all had
    a chance; the number `chosen` among `probabilities` `(n, choices)`.

    `terms` and `estimate` are of the estimator to look at first, `estimates` of all. `shown_at`,
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
    def of_choices(cls, log: Choices, **facts: Any) -> Self:
        """The evidence in a log of single choices, and further `facts`."""
        return cls(
            reward=log.reward, propensity=log.propensity, target=log.target,
            unit=log.unit, terms_unit=log.unit, predicted=log.predicted, baseline=log.baseline, **facts,
        )  # fmt: skip

    @classmethod
    def of_lists(cls, log: ListLog, **facts: Any) -> Self:
        """The evidence in a log of lists, and further `facts`; a list without a unit is a unit itself."""
        row, place = np.nonzero(log.filled)
        unit = row if log.unit is None else log.unit[row]
        rewards, propensities, targets = (
            table[log.filled] for table in (log.reward, log.propensity, log.target)
        )
        return cls(
            reward=rewards, propensity=propensities, target=targets,
            unit=unit, place=place, pooled=False, terms_unit=log.unit,
            predicted=None if log.predicted is None else log.predicted[log.filled],
            baseline=None if log.baseline is None else log.baseline[log.filled],
            **facts,
        )  # fmt: skip


def judge(evidence: Evidence) -> Verdict:
    """Everything that can be checked with this evidence."""
    return Verdict(
        tuple(
            finding
            for finding in (*_of_log(evidence), *_of_rows(evidence), *_of_estimates(evidence))
            if finding
        )
    )


def _of_log(evidence: Evidence) -> list[Finding | None]:
    findings: list[Finding | None] = []
    if evidence.shown_at is not None and evidence.came_at is not None and evidence.now is not None:
        findings.append(checks.check_clocks(evidence.shown_at, evidence.came_at, evidence.now))
    if evidence.counts is not None:
        findings.append(checks.check_shares(evidence.counts, evidence.shares))
    if evidence.sums is not None:
        findings.append(checks.check_sums(evidence.sums))
    if evidence.chosen is not None and evidence.probabilities is not None:
        findings.append(checks.check_frequencies(evidence.chosen, evidence.probabilities, evidence.place))
    if evidence.outside is not None:
        findings.append(checks.check_support(evidence.outside))
    return findings


def _of_rows(evidence: Evidence) -> list[Finding | None]:
    reward, propensity, target = evidence.reward, evidence.propensity, evidence.target
    if reward is None or propensity is None or target is None:
        return []
    possible = checks.check_numbers(reward, propensity, target)
    if possible.level == "refused":
        return [possible]
    weights = target / propensity
    unexplored = checks.check_exploration(propensity, target)
    findings = [possible, unexplored, checks.check_rewards(reward, weights)]
    if unexplored is None:
        findings.append(checks.check_mean_weight(weights, evidence.unit))
        constants = [weights]
        if evidence.candidates is not None:
            findings.append(checks.check_inverse_propensities(propensity, evidence.candidates, evidence.unit))
            constants.append(1 / (propensity * evidence.candidates))
        if evidence.predicted is not None and evidence.baseline is not None:
            constants.append(weights * evidence.predicted - evidence.baseline)
            findings.append(
                checks.check_balance(weights, evidence.predicted, evidence.baseline, evidence.unit)
            )
        if evidence.place is not None:
            findings.append(
                checks.check_positions(
                    reward, evidence.place, evidence.unit, constants=constants, pooled=evidence.pooled
                )
            )
        used = None if evidence.terms is None else evidence.terms.weights
        # the rows of lists are places; only an estimator combines them into weights
        whole = [weights] if used is None or len(used) == len(weights) else []
        findings.append(estimate_checks.check_weight_tail(*whole, *([] if used is None else [used])))
    if evidence.estimate is None:
        findings.append(estimate_checks.check_size(_effective(weights), len(weights)))
    return findings


def _of_estimates(evidence: Evidence) -> list[Finding | None]:
    findings: list[Finding | None] = []
    if evidence.estimate is not None:
        first = evidence.estimate
        findings += [
            estimate_checks.check_size(first.effective, first.rows),
            estimate_checks.check_weight_left(first),
            estimate_checks.check_independent_places(first, evidence.estimates),
            estimate_checks.check_intervals(first),
        ]
    if evidence.terms is not None:
        parts = [part for part in (evidence.terms.plain, evidence.terms.above) if part is not None]
        by_row: Values = np.sum([part.reshape(len(part), -1).sum(axis=1) for part in parts], axis=0)
        findings.append(estimate_checks.check_largest_unit(by_row, evidence.terms_unit))
    if evidence.estimates:
        findings.append(estimate_checks.check_agreement(evidence.estimates))
    return findings


def _effective(weights: Values) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
