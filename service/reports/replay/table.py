"""A replay on a terminal: the answer in a sentence, a line for each arm, the findings; and all as JSON.

Laws (tests/service/reports/test_replay.py):
- the sentence comes first, and every refusal is printed;
- JSON has null where a number is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite, isnan
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vlclip.ranking.evaluation.click_models.calibration import Calibration
from vlclip.ranking.evaluation.off_policy.terms import Estimate
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Level
from vlclip.ranking.evaluation.replay.report import ArmReplay, ReplayReport
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports.formats import (
    decimals_of,
    format_interval,
    format_magnitude,
    format_number,
    format_share,
)
from vlclip.service.reports.replay.words import (
    MARKS,
    NOTHING,
    about_log,
    answer,
    estimate_of,
    format_parameters,
    uplift_of,
)
from vlclip.service.reports.terminal import out, plain

WIDTH = 120
COLOURS: dict[Level, str] = {"ok": "green", "careful": "yellow", "refused": "red"}


def replay_json(report: ReplayReport) -> dict[str, Any]:
    """The report as one JSON object, with the answer in words; numbers that are not finite are null."""
    arms = [{**asdict(arm), "level": arm.verdict.level} for arm in report.arms]
    calibrations = [_calibration_json(model) for model in report.calibrations]
    parts = {**asdict(report), "arms": arms, "calibrations": calibrations}
    body: dict[str, Any] = _finite({"answer": asdict(answer(report)), **parts})
    return body


def _calibration_json(model: Calibration) -> dict[str, Any]:
    """A calibration under the names that the JSON has: `told` for predicted, `seen` for observed."""
    names = {"predicted": "told", "observed": "seen"}
    return {names.get(name, name): value for name, value in asdict(model).items()}


def print_replay(report: ReplayReport, *, everything: bool = False, console: Console = out) -> None:
    """The answer, a line for each arm, and what was found; with `everything` each estimator and slice."""
    wide = console if console.is_terminal else Console(width=WIDTH, file=console.file)
    verdict = answer(report)
    wide.print(Text(f"{MARKS[verdict.level]} {_line(verdict.says)}", style=f"bold {COLOURS[verdict.level]}"))
    for line in (verdict.because, about_log(report)):
        _say(wide, line)
    wide.print()
    wide.print(_arms(report))
    for title, table in _details(report) if everything else ():
        wide.print(f"\n[bold]{plain(title)}[/]", highlight=False)
        wide.print(table)
    wide.print()
    for why, lists in report.left_out.items():
        _say(wide, f"{lists:,} lists are left out: {why}")
    for finding in report.findings:
        _tell(wide, finding, "the log", everything=everything)
    for arm in report.arms:
        for finding in arm.verdict.findings:
            _tell(wide, finding, arm.arm, everything=everything)


def _arms(report: ReplayReport) -> Table:
    digits = decimals_of(report.observed)
    table = _table("arm", "by")
    for heading in (
        f"{report.reward}\nper {report.per}",
        "\n95 %",
        "more than\nlogged",
        "\n95 %",
        "effective\nrows",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    observed = report.observed
    table.add_row(
        "as logged",
        "",
        format_number(observed.value, digits),
        format_interval(observed, digits),
        "",
        "",
        "",
        "observed",
    )
    for arm in report.arms:
        value, rise = estimate_of(arm), uplift_of(arm)
        effective = next(
            (estimate.effective for estimate in arm.estimates if estimate.estimator == arm.best),
            NOTHING.value,
        )
        level = arm.verdict.level
        table.add_row(
            plain(arm.arm), plain(arm.best),
            format_number(value.value, digits), format_interval(value, digits),
            format_number(rise.value, digits, sign=True), format_interval(rise, digits, sign=True),
            format_magnitude(effective), f"[{COLOURS[level]}]{MARKS[level]} {level}[/]",
        )  # fmt: skip
    return table


def _details(report: ReplayReport) -> Iterator[tuple[str, Table]]:
    for arm in report.arms:
        yield f"{arm.arm} by every estimator", _estimates(report, arm)
        if arm.slices:
            yield f"{arm.arm} in parts of the log", _slices(report, arm)
        if arm.proxies:
            yield f"{arm.arm} as click models expect it", _proxies(arm)


def _estimates(report: ReplayReport, arm: ArmReplay) -> Table:
    digits = decimals_of(report.observed)
    table = _table("estimator")
    for heading in ("value", "95 %", "normal 95 %", "uplift", "effective", "mean w", "max w", "w = 0"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("chosen")
    for estimate in arm.estimates:
        figure = Figure(estimate.value, estimate.low, estimate.high)
        normal = Figure(estimate.value, estimate.analytic_low, estimate.analytic_high)
        table.add_row(
            plain(estimate.estimator) + (" *" if estimate.estimator == arm.best else ""),
            format_number(figure.value, digits),
            format_interval(figure, digits),
            format_interval(normal, digits),
            format_number(arm.uplift.get(estimate.estimator, NOTHING).value, digits, sign=True),
            *_weight_cells(estimate),
            plain(format_parameters(estimate)),
        )
    return table


def _weight_cells(estimate: Estimate) -> tuple[str, ...]:
    """Effective rows, mean weight, largest weight and share of zeros; empty cells without weights."""
    if isnan(estimate.effective):
        return ("", "", "", "")
    largest = estimate.quantiles.get("max", NOTHING.value)
    return (
        format_magnitude(estimate.effective),
        format_magnitude(estimate.mean_weight),
        format_magnitude(largest),
        format_share(estimate.unsupported),
    )


def _slices(report: ReplayReport, arm: ArmReplay) -> Table:
    digits = decimals_of(report.observed)
    table = _table("by", "part")
    for heading in ("lists", "observed", "uplift", "95 %"):
        table.add_column(heading, justify="right")
    for part in arm.slices:
        table.add_row(
            plain(part.by),
            plain(part.name),
            f"{part.lists:,}",
            format_number(part.observed.value, digits),
            format_number(part.uplift.value, digits, sign=True),
            format_interval(part.uplift, digits, sign=True),
        )
    return table


def _proxies(arm: ArmReplay) -> Table:
    table = _table("model", "of")
    for heading in (arm.arm, "as logged", "difference", "95 %"):
        table.add_column(plain(heading), justify="right")
    for proxy in arm.proxies:
        digits = decimals_of(proxy.logged)
        table.add_row(
            plain(proxy.model),
            plain(proxy.name),
            format_number(proxy.arm.value, digits),
            format_number(proxy.logged.value, digits),
            format_number(proxy.difference.value, digits, sign=True),
            format_interval(proxy.difference, digits, sign=True),
        )
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _tell(console: Console, finding: Finding, about: str, *, everything: bool) -> None:
    if finding.level != "ok" or everything:
        _say(
            console,
            f"{MARKS[finding.level]} {finding.level}, {about}: {finding.says}",
            COLOURS[finding.level],
        )


def _say(console: Console, line: str, colour: str = "") -> None:
    console.print(Text(_line(line), style=colour), soft_wrap=True)


def _line(text: str) -> str:
    """The text without terminal control characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def _finite(value: Any) -> Any:
    """The value with None for every number that is not finite."""
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value
