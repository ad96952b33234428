"""What a replay found in words: the sentence that answers, and numbers as people read them.

Laws (tests/service/reports/test_replay.py):
- there is an answer for every report: a winner, none, or a log that cannot say;
- a number that is not known is said so, never shown as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor, isfinite, log10, nan

from vlclip.ranking.evaluation.off_policy.terms import Estimate
from vlclip.ranking.evaluation.off_policy.verdict import Level
from vlclip.ranking.evaluation.replay.report import ArmReplay, ReplayReport
from vlclip.ranking.statistics.bootstrap import Figure

UNKNOWN = "not known"
MARKS: dict[Level, str] = {"ok": "✓", "careful": "!", "refused": "✕"}
"""Beside the words, so that a level is told by its shape and not by its colour alone."""
NOTHING = Figure(nan, nan, nan)
MOST = 1e6
"""Numbers from here on are written with an exponent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the report comes to: one sentence, and why."""

    level: Level
    says: str
    because: str


def answer(report: ReplayReport) -> Answer:
    """Who won, by how much and how sure that is, or why the log cannot tell."""
    won = next((one for one in report.arms if one.arm == report.winner), None)
    if won is not None:
        rise, seen = uplift_of(won).value, report.observed.value
        more = f"{share(rise / seen)} more" if seen > 0 and isfinite(rise) else "more"
        others = ", and more than every other arm" if len(report.arms) > 1 else ""
        says = (
            f"{called(report, won)} would have earned {more} {counted(report)} than what was shown{others}."
        )
        worst = next((one.says for one in won.verdict.findings if one.level == won.verdict.level), "")
        sure = "Nothing that was checked speaks against it."
        checked = sure if won.verdict.level == "ok" else f"Be careful: {worst}"
        return Answer(won.verdict.level, says, f"{_change(report, won)} {checked}")
    usable = [one for one in report.arms if one.verdict.level != "refused"]
    if not usable:
        reasons = " ".join(_reason(report, one) for one in report.arms)
        return Answer(
            "refused", f"This log cannot tell what another ranking earns in {counted(report)}.", reasons
        )
    better = [called(report, one) for one in usable if uplift_of(one).low > 0]
    if better:
        verb = "seems" if len(better) == 1 else "seem"
        says = (
            f"{_listed(better)} {verb} better than what was shown, "
            "but this log does not settle which arm is best."
        )
    elif all(uplift_of(one).high < 0 for one in usable):
        says = f"No arm is better than what was shown in {counted(report)}."
    else:
        says = f"This log cannot tell whether any arm is better than what was shown in {counted(report)}."
    told = [_change(report, one) for one in usable]
    told += [_reason(report, one) for one in report.arms if one not in usable]
    return Answer("careful", says, " ".join(told))


def called(report: ReplayReport, arm: ArmReplay) -> str:
    """The arm's id without its hash, where no other arm has that id."""
    ids = [one.arm.partition("@")[0] for one in report.arms]
    own = arm.arm.partition("@")[0]
    return own if ids.count(own) == 1 else arm.arm


def counted(report: ReplayReport) -> str:
    """What a value is: `clicks per list`."""
    return f"{report.reward} per {report.per}"


def estimate_of(arm: ArmReplay) -> Figure:
    """The arm's value by the estimator to look at first; NaN where none has one."""
    found = (Figure(one.value, one.low, one.high) for one in arm.estimates if one.estimator == arm.best)
    return next(found, NOTHING)


def uplift_of(arm: ArmReplay) -> Figure:
    """What the arm would have earned more than was logged, by the same estimator; NaN where none says."""
    return arm.uplift.get(arm.best, NOTHING)


def decimals(figure: Figure) -> int:
    """How many decimals say two digits of what is not sure of it; a report's values have those observed."""
    half = (figure.high - figure.low) / 2
    unsure = half if isfinite(half) and half > 0 else abs(figure.value) / 100
    return min(6, max(0, 1 - floor(log10(unsure)))) if isfinite(unsure) and unsure > 0 else 3


def number(value: float, digits: int, *, sign: bool = False) -> str:
    """A value with so many decimals; with its sign where it is a change."""
    if not isfinite(value):
        return UNKNOWN
    plus = "+" if sign else ""
    return f"{value:{plus}.3g}" if abs(value) >= MOST else f"{value:{plus},.{digits}f}"


def span(figure: Figure, digits: int, *, sign: bool = False) -> str:
    """An interval: `0.12 to 0.14`."""
    if not (isfinite(figure.low) and isfinite(figure.high)):
        return UNKNOWN
    return f"{number(figure.low, digits, sign=sign)} to {number(figure.high, digits, sign=sign)}"


def short(value: float) -> str:
    """A number that is a size more than a value: a weight, a parameter, a sample size."""
    if not isfinite(value):
        return UNKNOWN
    return f"{value:,.0f}" if 100 <= abs(value) < MOST else f"{value:.3g}"


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f} %" if isfinite(value) else UNKNOWN


def parameters(estimate: Estimate) -> str:
    """What was chosen for the estimator: `clip 20, shrinkage 5`."""
    return ", ".join(f"{name} {short(value)}" for name, value in estimate.parameters.items())


def day(time: float) -> str:
    """The date of a time in seconds since 1970, UTC."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def about_log(report: ReplayReport) -> str:
    """The log in one sentence."""
    days = f"{day(report.since)} to {day(report.until)}"
    who = f" of {report.units:,} shoppers" if report.per == "list" else ""
    return f"{report.lists:,} {report.per}s{who} with {report.clicks:,} clicks, {days}, from {report.source}"


def _change(report: ReplayReport, arm: ArmReplay) -> str:
    """What an arm earns by its leading estimator, what was observed, and the difference."""
    digits, rise = decimals(report.observed), uplift_of(arm)
    if not isfinite(rise.value):
        return f"What {called(report, arm)} earns is {UNKNOWN}."
    earned = number(estimate_of(arm).value, digits)
    return (
        f"By {arm.best} {called(report, arm)} earns {earned} {counted(report)}, "
        f"{number(report.observed.value, digits)} were observed: {number(rise.value, digits, sign=True)}, "
        f"95 % interval {span(rise, digits, sign=True)}."
    )


def _reason(report: ReplayReport, arm: ArmReplay) -> str:
    says = next((one.says for one in arm.verdict.findings if one.level == "refused"), "")
    return f"{called(report, arm)} is refused: {says}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
