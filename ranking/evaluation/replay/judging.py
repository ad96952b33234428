"""From the estimators' terms on one log to the answer: which arm is better, by how much, and how sure.

All figures use the same resamples of units, so that each arm is compared in pairs with every other arm and
with the logged ranking.

Laws (tests/ranking/evaluation/replay/test_judging.py):
- the arm that made the log has an uplift of 0, in an interval from 0 to 0;
- an arm wins only if it is surely better than the logged ranking and than every other arm not refused;
- if no slice of a kind is too small, the slices together have all lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.evaluation.click_models.proxies import Proxy
from vlclip.ranking.evaluation.off_policy.evidence import Evidence, judge
from vlclip.ranking.evaluation.off_policy.intervals import estimate_all, observe, resample
from vlclip.ranking.evaluation.off_policy.selection import choose_estimator
from vlclip.ranking.evaluation.off_policy.terms import Estimate, Terms
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Verdict
from vlclip.ranking.evaluation.replay.report import ArmReplay, Histogram, ReplayReport, Slice
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure, interval

LEAST = 100
"""The least number of lists in a slice."""
REWARDED = 10
"""The least number of rows with a reward for the interval of a slice to be reported."""
SLICES = 31
"""The most slices of a kind; the largest ones are reported."""
BINS = 30
"""Bins of a histogram of weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCase:
    """One arm on the log: every estimator's terms, the evidence for its verdict, and its proxies.

    `findings` are those that need no estimate.
    """

    arm: str
    terms: Sequence[Terms]
    evidence: Evidence
    proxies: Sequence[Proxy] = ()
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRows:
    """The rows that all arms are judged on: `reward` and `unit` `(n,)`, and `labels` `(n,)` to slice by."""

    reward: Values
    unit: Indices
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


def judge_arms(log: ReplayReport, rows: RewardRows, cases: Sequence[ArmCase]) -> ReplayReport:
    """The report with the facts of `log` and what each of the arms would have earned."""
    per_arm = [estimate_all(case.terms, rows.unit) for case in cases]
    best = ""
    if per_arm:
        best = choose_estimator(per_arm) or next((estimate.estimator for estimate in per_arm[0]), "")
    logged = observe(rows.reward)
    chosen = [_terms_of(best, case.terms) for case in cases]
    together = resample([logged, *chosen], rows.unit)
    values = [float(rows.reward.mean()), *(_value(best, estimated) for estimated in per_arm)]
    arms = tuple(
        _arm(case, estimated, best, rows, _gap(together, values, place, 1) if place > 1 else None)
        for place, (case, estimated) in enumerate(zip(cases, per_arm, strict=True), 1)
    )
    return replace(
        log,
        observed=interval(values[0], together[:, 0]),
        arms=arms,
        winner=_winner(arms, together, values),
    )


def _arm(
    case: ArmCase, estimated: Sequence[Estimate], best: str, rows: RewardRows, difference: Figure | None
) -> ArmReplay:
    logged = observe(rows.reward)
    samples = resample([logged, *case.terms], rows.unit)
    values = [float(rows.reward.mean()), *(estimate.value for estimate in estimated)]
    uplift = {
        estimate.estimator: _gap(samples, values, place, 0) for place, estimate in enumerate(estimated, 1)
    }
    terms = _terms_of(best, case.terms)
    evidence = replace(
        case.evidence, terms=terms, estimate=_estimate_of(best, estimated), estimates=estimated
    )
    return ArmReplay(
        arm=case.arm,
        estimates=tuple(estimated),
        uplift=uplift,
        best=best,
        difference=difference,
        verdict=Verdict((*case.findings, *judge(evidence).findings)),
        weights=_histogram(terms.weights),
        slices=tuple(cut for by, labels in rows.labels.items() for cut in _slices(by, labels, terms, rows)),
        proxies=tuple(case.proxies),
    )


def _slices(by: str, labels: NDArray[np.str_], terms: Terms, rows: RewardRows) -> list[Slice]:
    names, group = np.unique(labels, return_inverse=True)
    sizes = np.bincount(group)
    largest = [number for number in np.argsort(-sizes, kind="stable")[:SLICES] if sizes[number] >= LEAST]
    if len(names) < 2:
        return []
    slices = []
    for number in sorted(largest):
        part = np.flatnonzero(group == number)
        logged = observe(rows.reward[part])
        pair = [logged, _part(terms, part)]
        pair_estimates = estimate_all(pair, rows.unit[part])
        samples = resample(pair, rows.unit[part])
        values = [estimate.value for estimate in pair_estimates]
        level, uplift = interval(values[0], samples[:, 0]), _gap(samples, values, 1, 0)
        if np.count_nonzero(rows.reward[part]) < REWARDED:
            level, uplift = (
                replace(figure, low=float("nan"), high=float("nan")) for figure in (level, uplift)
            )
        slices.append(Slice(by=by, name=str(names[number]), lists=len(part), observed=level, uplift=uplift))
    return slices


def _winner(arms: Sequence[ArmReplay], samples: Values, values: Sequence[float]) -> str | None:
    """The arm that is surely better than the logged ranking, which is column 0, and than all other arms."""
    usable = [place for place, arm in enumerate(arms, 1) if arm.verdict.level != "refused"]
    for place in usable:
        others = [0, *(other for other in usable if other != place)]
        if all(_gap(samples, values, place, other).low > 0 for other in others):
            return arms[place - 1].arm
    return None


def _gap(samples: Values, values: Sequence[float], place: int, base: int) -> Figure:
    return interval(values[place] - values[base], samples[:, place] - samples[:, base])


def _terms_of(name: str, terms: Sequence[Terms]) -> Terms:
    return next(each for each in terms if each.estimator == name)


def _estimate_of(name: str, estimated: Sequence[Estimate]) -> Estimate:
    return next(estimate for estimate in estimated if estimate.estimator == name)


def _value(name: str, estimated: Sequence[Estimate]) -> float:
    return _estimate_of(name, estimated).value


def _part(terms: Terms, rows: Indices) -> Terms:
    """The terms of some rows."""
    plain, above, below, weights = (
        None if column is None else column[rows]
        for column in (terms.plain, terms.above, terms.below, terms.weights)
    )
    return replace(terms, plain=plain, above=above, below=below, weights=weights)


def _histogram(weights: Values | None) -> Histogram:
    """Weights over 0 in bins on a logarithmic scale; weights of 0 in a bin of their own, from 0."""
    if weights is None or not (weights > 0).any():
        return Histogram(edges=(0.0, 1.0), counts=(0 if weights is None else len(weights),))
    positive = weights[weights > 0]
    low, high = float(positive.min()), float(positive.max())
    edges = np.geomspace(low, high * (1 + 1e-9), BINS + 1) if high > low * (1 + 1e-9) else [low, low + 1e-9]
    counts, edges = np.histogram(np.minimum(positive, edges[-1]), bins=edges)
    return Histogram(edges=(0.0, *map(float, edges)), counts=(int((weights == 0).sum()), *map(int, counts)))
