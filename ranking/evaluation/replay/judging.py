"""From the estimators' terms on one log to what a director is shown: which arm, by how much, how sure.

Everything is drawn by the same resamples of units, so that arms are compared in pairs, with each other and
with what was logged.

Laws (tests/ranking/evaluation/replay/test_judging.py):
- an arm that is the logged ranking has an uplift of 0, from 0 to 0;
- an arm wins only if it is surely better than what was logged and than every other arm that can be judged;
- slices of a kind have all lists of that kind between them, if none is too small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.evaluation.click_models.proxies import Proxy
from vlclip.ranking.evaluation.off_policy.evidence import Evidence, judge
from vlclip.ranking.evaluation.off_policy.intervals import estimates, observed, resampled
from vlclip.ranking.evaluation.off_policy.selection import most_trusted
from vlclip.ranking.evaluation.off_policy.terms import Estimate, Terms
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Verdict
from vlclip.ranking.evaluation.replay.report import ArmReplay, Histogram, ReplayReport, Slice
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure, interval

LEAST = 100
"""Lists that a slice has, at least: fewer say nothing."""
REWARDED = 10
"""Rows with a reward that an interval of a slice rests on, at least."""
SLICES = 31
"""Most slices of a kind, the largest."""
BINS = 30
"""Bins of a histogram of weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One arm on the log: every estimator's terms, what is known for its verdict, what proxies say.

    `findings` are already known.
    """

    arm: str
    terms: Sequence[Terms]
    evidence: Evidence
    proxies: Sequence[Proxy] = ()
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows that all arms are judged on: `reward` and `unit` `(n,)`, and `labels` `(n,)` to slice by."""

    reward: Values
    unit: Indices
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


def judged(log: ReplayReport, rows: Rows, candidates: Sequence[Candidate]) -> ReplayReport:
    """The report on a `log` whose facts are known, with what each of the arms would have earned."""
    told = [estimates(one.terms, rows.unit) for one in candidates]
    best = most_trusted(told) or next((one.estimator for one in told[0]), "") if told else ""
    logged = observed(rows.reward)
    chosen = [_of(best, one.terms) for one in candidates]
    together = resampled([logged, *chosen], rows.unit)
    values = [float(rows.reward.mean()), *(_value(best, found) for found in told)]
    arms = tuple(
        _arm(one, found, best, rows, _gap(together, values, place, 1) if place > 1 else None)
        for place, (one, found) in enumerate(zip(candidates, told, strict=True), 1)
    )
    return replace(
        log,
        observed=interval(values[0], together[:, 0]),
        arms=arms,
        winner=_winner(arms, together, values),
    )


def _arm(
    one: Candidate, found: Sequence[Estimate], best: str, rows: Rows, difference: Figure | None
) -> ArmReplay:
    logged = observed(rows.reward)
    samples = resampled([logged, *one.terms], rows.unit)
    values = [float(rows.reward.mean()), *(estimate.value for estimate in found)]
    uplift = {estimate.estimator: _gap(samples, values, place, 0) for place, estimate in enumerate(found, 1)}
    terms = _of(best, one.terms)
    known = replace(one.evidence, terms=terms, estimate=_named(best, found), estimates=found)
    return ArmReplay(
        arm=one.arm,
        estimates=tuple(found),
        uplift=uplift,
        best=best,
        difference=difference,
        verdict=Verdict((*one.findings, *judge(known).findings)),
        weights=_histogram(terms.weights),
        slices=tuple(cut for by, labels in rows.labels.items() for cut in _slices(by, labels, terms, rows)),
        proxies=tuple(one.proxies),
    )


def _slices(by: str, labels: NDArray[np.str_], terms: Terms, rows: Rows) -> list[Slice]:
    names, of = np.unique(labels, return_inverse=True)
    sizes = np.bincount(of)
    shown = [number for number in np.argsort(-sizes, kind="stable")[:SLICES] if sizes[number] >= LEAST]
    if len(names) < 2:
        return []
    out = []
    for number in sorted(shown):
        part = np.flatnonzero(of == number)
        logged = observed(rows.reward[part])
        pair = [logged, _part(terms, part)]
        found = estimates(pair, rows.unit[part])
        samples = resampled(pair, rows.unit[part])
        values = [one.value for one in found]
        seen, uplift = interval(values[0], samples[:, 0]), _gap(samples, values, 1, 0)
        if np.count_nonzero(rows.reward[part]) < REWARDED:
            seen, uplift = (replace(one, low=float("nan"), high=float("nan")) for one in (seen, uplift))
        out.append(Slice(by=by, name=str(names[number]), lists=len(part), observed=seen, uplift=uplift))
    return out


def _winner(arms: Sequence[ArmReplay], samples: Values, values: Sequence[float]) -> str | None:
    """The arm that is surely better than what was logged, which is column 0, and than all other arms."""
    there = [place for place, one in enumerate(arms, 1) if one.verdict.level != "refused"]
    for place in there:
        others = [0, *(other for other in there if other != place)]
        if all(_gap(samples, values, place, other).low > 0 for other in others):
            return arms[place - 1].arm
    return None


def _gap(samples: Values, values: Sequence[float], one: int, other: int) -> Figure:
    return interval(values[one] - values[other], samples[:, one] - samples[:, other])


def _of(name: str, terms: Sequence[Terms]) -> Terms:
    return next(one for one in terms if one.estimator == name)


def _named(name: str, found: Sequence[Estimate]) -> Estimate:
    return next(one for one in found if one.estimator == name)


def _value(name: str, found: Sequence[Estimate]) -> float:
    return _named(name, found).value


def _part(terms: Terms, rows: Indices) -> Terms:
    """The same of some rows."""
    plain, above, below, weights = (
        None if column is None else column[rows]
        for column in (terms.plain, terms.above, terms.below, terms.weights)
    )
    return replace(terms, plain=plain, above=above, below=below, weights=weights)


def _histogram(weights: Values | None) -> Histogram:
    """Weights over 0 by powers; those of 0 in a bin of their own, from 0."""
    if weights is None or not (weights > 0).any():
        return Histogram(edges=(0.0, 1.0), counts=(0 if weights is None else len(weights),))
    positive = weights[weights > 0]
    low, high = float(positive.min()), float(positive.max())
    edges = np.geomspace(low, high * (1 + 1e-9), BINS + 1) if high > low * (1 + 1e-9) else [low, low + 1e-9]
    counts, edges = np.histogram(np.minimum(positive, edges[-1]), bins=edges)
    return Histogram(edges=(0.0, *map(float, edges)), counts=(int((weights == 0).sum()), *map(int, counts)))
