"""A replay on a terminal: the answer in a sentence, a line an arm, what was found; and all of it as JSON.

Laws (tests/service/reports/test_replay.py):
- the sentence comes first, and every refusal is told;
- JSON has no NaN: what is not known is null.
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
from vlclip.service.reports.replay.words import (
    MARKS,
    NOTHING,
    about_log,
    answer,
    decimals,
    estimate_of,
    number,
    parameters,
    share,
    short,
    span,
    uplift_of,
)
from vlclip.service.reports.terminal import out, plain

WIDTH = 120
COLOURS: dict[Level, str] = {"ok": "green", "careful": "yellow", "refused": "red"}


def replay_json(report: ReplayReport) -> dict[str, Any]:
    """The report as one JSON object, with the answer in words; numbers that are not finite are null."""
    arms = [{**asdict(one), "level": one.verdict.level} for one in report.arms]
    calibrations = [_calibration_json(model) for model in report.calibrations]
    body = {**asdict(report), "arms": arms, "calibrations": calibrations}
    found: dict[str, Any] = _known({"answer": asdict(answer(report)), **body})
    return found


def _calibration_json(model: Calibration) -> dict[str, Any]:
    """A calibration under the names that the JSON has: `told` for predicted, `seen` for observed."""
    names = {"predicted": "told", "observed": "seen"}
    return {names.get(name, name): value for name, value in asdict(model).items()}


def print_replay(report: ReplayReport, *, everything: bool = False, console: Console = out) -> None:
    """The answer, a line for each arm, and what was found; with `everything` each estimator and slice."""
    wide = console if console.is_terminal else Console(width=WIDTH, file=console.file)
    found = answer(report)
    wide.print(Text(f"{MARKS[found.level]} {_line(found.says)}", style=f"bold {COLOURS[found.level]}"))
    for line in (found.because, about_log(report)):
        _say(wide, line)
    wide.print()
    wide.print(_arms(report))
    for title, table in _details(report) if everything else ():
        wide.print(f"\n[bold]{plain(title)}[/]", highlight=False)
        wide.print(table)
    wide.print()
    for why, lists in report.left_out.items():
        _say(wide, f"{lists:,} lists are left out: {why}")
    for one in report.findings:
        _tell(wide, one, "the log", everything=everything)
    for arm in report.arms:
        for one in arm.verdict.findings:
            _tell(wide, one, arm.arm, everything=everything)


def _arms(report: ReplayReport) -> Table:
    digits = decimals(report.observed)
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
    seen = report.observed
    table.add_row("as logged", "", number(seen.value, digits), span(seen, digits), "", "", "", "observed")
    for arm in report.arms:
        value, rise = estimate_of(arm), uplift_of(arm)
        effective = next((one.effective for one in arm.estimates if one.estimator == arm.best), NOTHING.value)
        level = arm.verdict.level
        table.add_row(
            plain(arm.arm), plain(arm.best),
            number(value.value, digits), span(value, digits),
            number(rise.value, digits, sign=True), span(rise, digits, sign=True),
            short(effective), f"[{COLOURS[level]}]{MARKS[level]} {level}[/]",
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
    digits = decimals(report.observed)
    table = _table("estimator")
    for heading in ("value", "95 %", "normal 95 %", "uplift", "effective", "mean w", "max w", "w = 0"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("chosen")
    for one in arm.estimates:
        normal = Figure(one.value, one.analytic_low, one.analytic_high)
        table.add_row(
            plain(one.estimator) + (" *" if one.estimator == arm.best else ""),
            number(one.value, digits), span(Figure(one.value, one.low, one.high), digits),
            span(normal, digits), number(arm.uplift.get(one.estimator, NOTHING).value, digits, sign=True),
            *_weighed(one), plain(parameters(one)),
        )  # fmt: skip
    return table


def _weighed(one: Estimate) -> tuple[str, ...]:
    """Of its weights: how many count, their mean, the largest, the share of zeros; nothing without any."""
    if isnan(one.effective):
        return ("", "", "", "")
    largest = one.quantiles.get("max", NOTHING.value)
    return short(one.effective), short(one.mean_weight), short(largest), share(one.unsupported)


def _slices(report: ReplayReport, arm: ArmReplay) -> Table:
    digits = decimals(report.observed)
    table = _table("by", "part")
    for heading in ("lists", "observed", "uplift", "95 %"):
        table.add_column(heading, justify="right")
    for one in arm.slices:
        table.add_row(
            plain(one.by), plain(one.name), f"{one.lists:,}", number(one.observed.value, digits),
            number(one.uplift.value, digits, sign=True), span(one.uplift, digits, sign=True),
        )  # fmt: skip
    return table


def _proxies(arm: ArmReplay) -> Table:
    table = _table("model", "of")
    for heading in (arm.arm, "as logged", "difference", "95 %"):
        table.add_column(plain(heading), justify="right")
    for one in arm.proxies:
        digits = decimals(one.logged)
        table.add_row(
            plain(one.model), plain(one.name),
            number(one.arm.value, digits), number(one.logged.value, digits),
            number(one.difference.value, digits, sign=True), span(one.difference, digits, sign=True),
        )  # fmt: skip
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _tell(console: Console, one: Finding, about: str, *, everything: bool) -> None:
    if one.level != "ok" or everything:
        _say(console, f"{MARKS[one.level]} {one.level}, {about}: {one.says}", COLOURS[one.level])


def _say(console: Console, line: str, colour: str = "") -> None:
    console.print(Text(_line(line), style=colour), soft_wrap=True)


def _line(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)


def _known(value: Any) -> Any:
    """The same with None for every number that is not finite."""
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _known(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(one) for one in value]
    return value
