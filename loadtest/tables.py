"""A report for people: tables on the terminal, and the same tables with pictures as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vlclip.loadtest.baseline import Change
from vlclip.loadtest.figures import Figures
from vlclip.loadtest.plots import pictures
from vlclip.loadtest.report import Report
from vlclip.loadtest.thresholds import WORDS, format_figure

FIGURES = ("p50_ms", "p95_ms", "p99_ms", "error_share", "recall_at_10", "rate_per_s")
TEMPLATE = Path(__file__).with_name("report.html.j2")

Rows = tuple[str, list[str], list[list[str]]]


def show(report: Report, changes: Sequence[Change], console: Console) -> None:
    """Print the tables, then whether the gate was passed."""
    for title, columns, rows in tables(report, changes):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(columns):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table, "")
    for miss in report.misses:
        console.print(f"[bold red]missed:[/] {escape(miss)}", soft_wrap=True)
    if report.passed:
        console.print(f"[bold green]passed:[/] every threshold of {report.plan} holds")


def page(report: Report, changes: Sequence[Change]) -> str:
    """The report as an HTML page that loads nothing from any site."""
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    began = datetime.fromtimestamp(report.began, UTC).strftime("%Y-%m-%d %H:%M UTC")
    all_tables = list(tables(report, changes))
    return template.render(report=report, began=began, tables=all_tables, pictures=pictures(report))


def tables(report: Report, changes: Sequence[Change]) -> Iterator[Rows]:
    """Title, columns and rows of each table that has rows."""
    columns = ["", "requests", *(WORDS[name] for name in FIGURES)]
    rows = [[name, f"{figures.requests:,}", *_cells(figures)] for name, figures in report.figures.items()]
    yield f"{report.plan}: what was measured", columns, rows
    if report.steps:
        yield _steps(report)
    if report.rss_growth_mb is not None and report.rss_slope_mb_per_h is not None:
        growth, slope = f"{report.rss_growth_mb:+.1f} MB", f"{report.rss_slope_mb_per_h:+.1f} MB"
        row = [f"{report.memory[0][1]:.0f} MB", f"{report.memory[-1][1]:.0f} MB", growth, slope]
        yield "Memory of the server", ["first", "last", "growth", "an hour"], [row]
    if report.termination:
        end = report.termination
        names = ["exit status", "in flight", "not answered", "refused later", "accepted events", "missing"]
        counts = (end.exit_status, end.in_flight, end.lost, end.refused, end.events, end.missing)
        yield "Stopped under load", names, [[str(count) for count in counts]]
    if report.reasons:
        yield "Errors", ["what", "times"], [[what, str(times)] for what, times in report.reasons.items()]
    if changes:
        rows = [[change.endpoint, WORDS[change.figure], *_changed(change)] for change in changes]
        yield "Beside the baseline", ["", "figure", "before", "now", "change", "verdict"], rows


def _steps(report: Report) -> Rows:
    rows = []
    for step in report.steps:
        total = step.figures["all"]
        outcome = step.missed[0] if step.missed else "held"
        rows.append([f"{step.level:.1f}/s", *(_cell(total, name) for name in FIGURES[:3]), outcome])
    knee = "none held" if report.knee is None else f"{report.knee:.1f}/s"
    return f"Steps; the knee: {knee}", ["asked", "p50", "p95", "p99", ""], rows


def _cells(figures: Figures) -> list[str]:
    return [_cell(figures, name) for name in FIGURES]


def _cell(figures: Figures, name: str) -> str:
    value = getattr(figures, name)
    return "" if value is None else format_figure(name, value)


def _changed(change: Change) -> list[str]:
    difference = "" if change.share is None else f"{100 * change.share:+.1f} %"
    return [
        format_figure(change.figure, change.before),
        format_figure(change.figure, change.now),
        difference,
        change.verdict,
    ]
