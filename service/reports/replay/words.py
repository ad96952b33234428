"""A replay's answer in words: one sentence, and the reasons for it.

Laws (tests/service/reports/test_replay.py):
- there is an answer for every report: a winner, none, or a log that cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

from vlclip.ranking.evaluation.off_policy.terms import Estimate
from vlclip.ranking.evaluation.off_policy.verdict import Level
from vlclip.ranking.evaluation.replay.report import ArmReplay, ReplayReport
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports.formats import (
    UNKNOWN,
    decimals_of,
    format_day,
    format_interval,
    format_magnitude,
    format_number,
    format_share,
)

MARKS: dict[Level, str] = {"ok": "✓", "careful": "!", "refused": "✕"}
"""Beside the words, so that a level has its own shape and not only a colour."""
NOTHING = Figure(nan, nan, nan)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The report in one sentence, and why."""

    level: Level
    says: str
    because: str


def answer(report: ReplayReport) -> Conclusion:
    """Which arm wins, by how much and how sure that is, or why the log cannot tell."""
    winner = next((arm for arm in report.arms if arm.arm == report.winner), None)
    if winner is not None:
        rise, observed = uplift_of(winner).value, report.observed.value
        more = f"{format_share(rise / observed)} more" if observed > 0 and isfinite(rise) else "more"
        others = ", and more than every other arm" if len(report.arms) > 1 else ""
        says = (
            f"{called(report, winner)} would have earned {more} {counted(report)} "
            f"than what was shown{others}."
        )
        verdict = winner.verdict
        worst = next((finding.says for finding in verdict.findings if finding.level == verdict.level), "")
        sure = "Nothing that was checked speaks against it."
        checked = sure if winner.verdict.level == "ok" else f"Be careful: {worst}"
        return Conclusion(winner.verdict.level, says, f"{_change(report, winner)} {checked}")
    usable = [arm for arm in report.arms if arm.verdict.level != "refused"]
    if not usable:
        reasons = " ".join(_reason(report, arm) for arm in report.arms)
        return Conclusion(
            "refused", f"This log cannot tell what another ranking earns in {counted(report)}.", reasons
        )
    better = [called(report, arm) for arm in usable if uplift_of(arm).low > 0]
    if better:
        verb = "seems" if len(better) == 1 else "seem"
        says = (
            f"{_listed(better)} {verb} better than what was shown, "
            "but this log does not settle which arm is best."
        )
    elif all(uplift_of(arm).high < 0 for arm in usable):
        says = f"No arm is better than what was shown in {counted(report)}."
    else:
        says = f"This log cannot tell whether any arm is better than what was shown in {counted(report)}."
    sentences = [_change(report, arm) for arm in usable]
    sentences += [_reason(report, arm) for arm in report.arms if arm not in usable]
    return Conclusion("careful", says, " ".join(sentences))


def called(report: ReplayReport, arm: ArmReplay) -> str:
    """The arm's id without its hash, where no other arm has that id."""
    ids = [each.arm.partition("@")[0] for each in report.arms]
    own = arm.arm.partition("@")[0]
    return own if ids.count(own) == 1 else arm.arm


def counted(report: ReplayReport) -> str:
    """What a value counts: `clicks per list`."""
    return f"{report.reward} per {report.per}"


def estimate_of(arm: ArmReplay) -> Figure:
    """The arm's value by the leading estimator; NaN where there is none."""
    figures = (
        Figure(estimate.value, estimate.low, estimate.high)
        for estimate in arm.estimates
        if estimate.estimator == arm.best
    )
    return next(figures, NOTHING)


def uplift_of(arm: ArmReplay) -> Figure:
    """How much more the arm would have earned than the logged ranking, by the same estimator, or NaN."""
    return arm.uplift.get(arm.best, NOTHING)


def format_parameters(estimate: Estimate) -> str:
    """The parameters chosen for the estimator: `clip 20, shrinkage 5`."""
    return ", ".join(f"{name} {format_magnitude(value)}" for name, value in estimate.parameters.items())


def about_log(report: ReplayReport) -> str:
    """The log in one sentence."""
    days = f"{format_day(report.since)} to {format_day(report.until)}"
    who = f" of {report.units:,} shoppers" if report.per == "list" else ""
    return f"{report.lists:,} {report.per}s{who} with {report.clicks:,} clicks, {days}, from {report.source}"


def _change(report: ReplayReport, arm: ArmReplay) -> str:
    """What an arm earns by its leading estimator, what was observed, and the difference."""
    digits, rise = decimals_of(report.observed), uplift_of(arm)
    if not isfinite(rise.value):
        return f"What {called(report, arm)} earns is {UNKNOWN}."
    earned = format_number(estimate_of(arm).value, digits)
    observed = format_number(report.observed.value, digits)
    return (
        f"By {arm.best} {called(report, arm)} earns {earned} {counted(report)}, "
        f"{observed} were observed: {format_number(rise.value, digits, sign=True)}, "
        f"95 % interval {format_interval(rise, digits, sign=True)}."
    )


def _reason(report: ReplayReport, arm: ArmReplay) -> str:
    says = next((finding.says for finding in arm.verdict.findings if finding.level == "refused"), "")
    return f"{called(report, arm)} is refused: {says}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
