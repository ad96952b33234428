"""A log of single choices, in the format of Open Bandit, judged for other policies.

Laws (tests/ranking/evaluation/replay/test_choices_report.py):
- the policy that made the log would have earned what it earned;
- a policy that is only estimated is never `ok`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vlclip.ranking.evaluation.off_policy.evidence import Evidence
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.off_policy.rewards import cross_fit
from vlclip.ranking.evaluation.off_policy.verdict import Finding
from vlclip.ranking.evaluation.replay.judging import ArmCase, RewardRows, judge_arms
from vlclip.ranking.evaluation.replay.lists_report import UNKNOWN, rate_by_place
from vlclip.ranking.evaluation.replay.open_bandit import BanditLog, EstimatedPolicy, Target
from vlclip.ranking.evaluation.replay.report import ReplayReport
from vlclip.ranking.settings import DAY_S
from vlclip.ranking.statistics.arrays import Values

AT_ONCE = 1000
"""The number of rows whose features of all items are in memory at a time."""


def choice_report(
    log: BanditLog, targets: Mapping[str, Target], *, source: str, now: float, with_model: bool = True
) -> ReplayReport:
    """What each target would have earned, by its name; `now` is in seconds since 1970, UTC.

    `with_model` fits a reward model for the doubly robust estimators. Errors: `EvaluationError`.
    """
    rows = np.arange(len(log.item))
    expected = _expected(log) if with_model else None
    cases = [_case(name, target, log, expected, now) for name, target in targets.items()]
    places = np.eye(int(log.position.max()) + 1)[log.position]
    report = ReplayReport(
        source=source,
        reward="clicks",
        per="choice",
        lists=len(rows),
        units=len(rows),
        clicks=int(log.click.sum()),
        since=float(log.time.min()),
        until=float(log.time.max()),
        logged_by={source: len(rows)},
        observed=UNKNOWN,
        left_out={},
        findings=(),
        arms=(),
        winner=None,
        rate_by_position=rate_by_place(places * log.click[:, None], places > 0, rows),
    )
    days = (log.time // DAY_S).astype("datetime64[D]").astype(np.str_)
    labels = {"day": days, "place": (log.position + 1).astype(np.str_)}
    return judge_arms(report, RewardRows(reward=log.click, unit=rows, labels=labels), cases)


def _case(name: str, target: Target, log: BanditLog, expected: Values | None, now: float) -> ArmCase:
    probabilities = target(log)
    choices = log.choices(probabilities)
    if expected is not None:
        predicted = expected[np.arange(len(log.item)), log.item]
        choices = replace(choices, predicted=predicted, baseline=(probabilities * expected).sum(axis=1))
    evidence = Evidence.of_choices(
        choices,
        place=log.position,
        pooled=False,
        candidates=np.full(len(log.item), float(len(log.ids))),
        shown_at=log.time,
        came_at=np.full(len(log.item), np.nan),
        now=now,
    )
    return ArmCase(
        arm=name, terms=compute_terms(choices), evidence=evidence, findings=_estimated_target(target)
    )


def _estimated_target(target: Target) -> list[Finding]:
    if not isinstance(target, EstimatedPolicy):
        return []
    fit = target.fit()
    return [
        Finding(
            "estimated-target", "careful",
            "This policy's probabilities are estimated from its own choices in the log; they reproduce the "
            f"propensities of its own log with a correlation of {fit.correlation:.2f} and a median ratio "
            f"of {fit.median_ratio:.2f}. Log the probabilities of all choices to be sure of them.",
        )
    ]  # fmt: skip


def _expected(log: BanditLog) -> Values:
    """The expected click of every item in every row `(n, A)`, by models that were not fitted on the row."""
    n, items = log.affinity.shape
    own = np.concatenate(
        [log.features(part)[np.arange(len(log.item[part])), log.item[part]] for part in _parts(n)]
    )
    models = cross_fit(own, log.click, np.arange(n))
    clicks = np.empty((n, items))
    for part in _parts(n):
        features = log.features(part)
        rows = np.repeat(np.arange(n)[part], items)
        clicks[part] = models.predict(features.reshape(len(rows), -1), rows).reshape(-1, items)
    return clicks


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + AT_ONCE, n)) for start in range(0, n, AT_ONCE)]
