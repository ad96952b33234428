"""All that is known of a log and of one policy's estimates on it, and the verdict on that.

Laws (tests/ranking/off_policy/test_checks.py):
- what is not known is not judged;
- numbers that are no probabilities are refused, and nothing is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ranking.evaluation.off_policy import checks
from ranking.evaluation.off_policy.log import Choices, ListLog, Numbers, Values
from ranking.evaluation.off_policy.terms import Estimate, Terms
from ranking.evaluation.off_policy.verdict import Finding, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known; None for what is not.

    A row is a choice; of a list each filled place is one. By row, `(n,)`: `reward`, `propensity` and `target`
    (as in `Choices`), `unit`; `place` from 0, with `pooled` where probabilities are of an item over all
    places together; `outside`, the target's probability of choices that could not have been logged; `sums`
    of all candidates' propensities; the number of `candidates`, where all had a chance; the number `chosen`
    among `probabilities` `(n, choices)`.

    `terms` and `estimate` are of the estimator that is looked at first, `estimates` of all. `shown_at`,
    `came_at` and `now` are times as in `checks.clocks`. `counts` of units by arm go with `shares`.
    """

    reward: Values | None = None
    propensity: Values | None = None
    target: Values | None = None
    unit: Numbers | None = None
    place: Numbers | None = None
    pooled: bool = False
    outside: Values | None = None
    sums: Values | None = None
    candidates: Values | None = None
    chosen: Numbers | None = None
    probabilities: Values | None = None
    terms: Terms | None = None
    terms_unit: Numbers | None = None
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
            unit=log.unit, terms_unit=log.unit, **known,
        )  # fmt: skip

    @classmethod
    def of_lists(cls, log: ListLog, **known: Any) -> Self:
        """The evidence in a log of lists, and what else is `known`; a list without a unit is one itself."""
        row, place = np.nonzero(log.shown)
        unit = row if log.unit is None else log.unit[row]
        rewards, propensities, targets = (of[log.shown] for of in (log.reward, log.propensity, log.target))
        return cls(
            reward=rewards, propensity=propensities, target=targets,
            unit=unit, place=place, terms_unit=log.unit, **known,
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
        found.append(checks.frequencies(known.chosen, known.probabilities))
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
        if known.candidates is not None:
            found.append(checks.inverse_propensities(propensity, known.candidates, known.unit))
        if known.place is not None:
            found.append(checks.positions(reward, weights, known.place, known.unit, pooled=known.pooled))
    if known.estimate is None:
        found.append(checks.size(_effective(weights), len(weights)))
    return found


def _of_estimates(known: Evidence) -> list[Finding | None]:
    found: list[Finding | None] = []
    if known.estimate is not None:
        found += [checks.size(known.estimate.effective, known.estimate.rows), checks.skewed(known.estimate)]
    if known.terms is not None:
        parts = [part for part in (known.terms.plain, known.terms.above) if part is not None]
        found.append(checks.tails(np.sum(parts, axis=0), known.terms_unit))
    if known.estimates:
        found.append(checks.disagreement(known.estimates))
    return found


def _effective(weights: Values) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
