"""Results of `vlclip simulate`, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from vlclip.ranking.evaluation.simulator.plan import SimulationReport
from vlclip.service.reports.formats import format_error
from vlclip.service.reports.terminal import out, plain


def simulation_body(report: SimulationReport) -> dict[str, Any]:
    """The report as JSON values."""
    plan, written = report.plan, report.written
    return {
        "output": str(report.output),
        **asdict(written),
        "behaviour": plan.clicks,
        "world": asdict(plan.world),
        "logged_by": report.truths[0].arm,
        "logged_clicks": written.clicked / written.lists,
        "winner": report.winner,
        "arms": [
            asdict(truth) | {"ctr": {str(cut): asdict(rate) for cut, rate in truth.ctr.items()}}
            for truth in report.truths
        ],
    }


def print_simulation(report: SimulationReport) -> None:
    """The true value of each arm, the size of the log, and which arm is the best."""
    written, truths, winner = report.written, report.truths, report.winner
    table = Table(box=None, header_style="bold")
    table.add_column("arm", overflow="fold")
    cuts = (min(truths[0].ctr), max(truths[0].ctr))
    for heading in (
        "clicks a list",
        "uplift",
        *(f"CTR@{cut}" for cut in dict.fromkeys(cuts)),
        "revenue a list",
    ):
        table.add_column(heading, justify="right")
    for truth in truths:
        uplift = truth.clicks.value - truths[0].clicks.value
        rates = [f"{truth.ctr[cut].value:.4f}" for cut in dict.fromkeys(cuts)]
        table.add_row(
            plain(truth.arm),
            format_error(truth.clicks, 4),
            f"{uplift:+.4f}",
            *rates,
            f"{truth.revenue.value:.4f}",
        )
    out.print(table)
    counts = f"{written.lists:,} lists, {written.items:,} items shown, {written.clicked:,} of them clicked"
    lines = [f"the log has {written.clicked / written.lists:.4f} clicks a list: {counts}: {report.output}"]
    if len(truths) > 1:
        lines.append(f"the best arm is {winner}" if winner else "the best arms cannot be told apart")
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
