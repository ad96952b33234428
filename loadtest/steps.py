"""Steps of a search for the knee: which levels held all limits.

A step is judged by the requests that ended in it. Their time runs from when they were due, so a growing
queue shows at once.

Laws (tests/loadtest/test_steps.py):
- a step without any good answer does not hold;
- nor does a step without an answer of an endpoint that has limits, if requests to it were sure to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from vlclip.loadtest.figures import Figures, by_endpoint
from vlclip.loadtest.plan import Plan, Thresholds
from vlclip.loadtest.record import Record, read_lines, read_records
from vlclip.loadtest.session import least_share
from vlclip.loadtest.thresholds import lags, missed

SURE = 9
"""Mean number of requests from which on some surely come: three sigma of a Poisson number are no more."""
OF_THE_RUN = ("recall_at_10", "rate_per_s", "rss_growth_mb", "knee_per_s")
"""Limits that do not apply to a single step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A level that was tried, from `begin` to `end` (seconds since 1970), and what it missed."""

    level: float
    begin: float
    end: float
    figures: Mapping[str, Figures]
    missed: Sequence[str]

    @property
    def has_held(self) -> bool:
        """Whether the step missed no limit."""
        return not self.missed

    def form(self) -> dict[str, Any]:
        """The step as JSON values."""
        return asdict(self)

    @classmethod
    def from_form(cls, form: Mapping[str, Any]) -> Self:
        """The step that `form` wrote."""
        figures = {name: Figures(**values) for name, values in form["figures"].items()}
        return cls(form["level"], form["begin"], form["end"], figures, tuple(form["missed"]))


def judge(folder: Path, plan: Plan, level: float, begin: float, end: float) -> Step:
    """The step at this level, by the records in `folder`."""
    return judge_records(read_records(folder), plan, level, begin, end)


def judge_records(records: Sequence[Record], plan: Plan, level: float, begin: float, end: float) -> Step:
    """The step at this level, by limits on times and errors; rates and recall are for the whole run."""
    counted = [record for record in records if begin <= record.answered_at < end]
    figures, requests_due = (
        by_endpoint(counted, end - begin, allow_busy=plan.allow_busy),
        level * (end - begin),
    )
    limits = {
        name: bounds.model_copy(update=dict.fromkeys(OF_THE_RUN))
        for name, bounds in dict(plan.thresholds).items()
        if name in figures or least_share(plan, name) * requests_due > SURE
    }
    misses = [str(miss) for miss in missed(Thresholds(**limits), figures)]
    rate = figures["all"].rate_per_s
    if lags(rate * (end - begin), requests_due):
        misses.append(f"all rate is {rate:.1f}/s of {level:.1f}/s that were asked")
    return Step(level, begin, end, figures, misses)


def read_steps(folder: Path) -> list[Step]:
    """The steps of a run, in their order."""
    return [Step.from_form(form) for form in read_lines(folder / "steps.jsonl")]


def knee(steps: Sequence[Step]) -> Step | None:
    """The highest level that held, at its last try, below all that did not; None if none did."""
    last = {step.level: step for step in steps}
    broken = min((level for level, step in last.items() if not step.has_held), default=float("inf"))
    passed = [step for step in steps if step.has_held and step.level < broken]
    return max(passed, key=lambda step: step.level, default=None)
