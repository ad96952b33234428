"""`vlclip experiment report`: what each arm brought, and whether the experiment may be trusted."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vlclip.ranking.errors import BadArm
from vlclip.ranking.experiments.experiment import read_experiment
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.report import ArmReport, ExperimentReport, report
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.commands.export import Since, Until, beginning, open_log, seconds
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Compare rankings on real shoppers.")


@app.command("report")
@says_what_went_wrong
def report_command(
    file: Annotated[
        Path | None, typer.Argument(help="The experiment's TOML file.", show_default="experiment")
    ] = None,
    *,
    store: StoreOption = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """Report each arm's CTR with 95 % intervals, carts and purchases, and whether the shares were kept."""
    settings = Settings.load(store=store)
    if file is None and not settings.experiment:
        raise BadArm("name the experiment's TOML file, or set `experiment` to it")
    experiment = read_experiment(file or Path(settings.experiment))
    with closing(open_log(settings)) as log, closing(open_history(settings)) as history:
        lists = log.scan(since=beginning(settings, since), until=seconds(until), experiment=experiment.id)
        experiment_report = report(experiment, joined(lists, history))
    if json:
        print_json(
            {
                **asdict(experiment_report),
                "is_trusted": experiment_report.is_trusted,
                "changed": experiment_report.changed,
            }
        )
        return
    out.print(_table(experiment_report.arms))
    for line in _remarks(experiment_report):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(arms: tuple[ArmReport, ...]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("arm", overflow="fold")
    for heading in ("units", "lists", "shown", "clicks", "CTR", "", "more than the first", "", "p"):
        table.add_column(heading, justify="right")
    for heading in ("carts", "purchases", "value"):
        table.add_column(heading, justify="right")
    for arm in arms:
        compared = (
            ("", "", "") if arm.difference is None else (*_figure_cells(arm.difference), f"{arm.p:.3g}")
        )
        table.add_row(
            arm.arm,
            *(f"{count:,}" for count in (arm.units, arm.lists, arm.impressions, arm.clicks)),
            *_figure_cells(arm.ctr),
            *compared,
            *(f"{count:,}" for count in (arm.carts, arm.purchases)),
            f"{arm.value:,.2f}",
        )
    return table


def _figure_cells(figure: Figure) -> tuple[str, str]:
    has_interval = not isnan(figure.low)
    return f"{figure.value:.2%}", f"{figure.low:.2%} to {figure.high:.2%}" if has_interval else "not known"


def _remarks(report: ExperimentReport) -> list[str]:
    counts = ", ".join(
        f"{name} {count:,} of {report.expected[name]:,.0f}" for name, count in report.units.items()
    )
    p = f"(p = {report.ratio_p:.2g})"
    lines = [f"units as the shares ask: {counts} {p}"]
    if not report.is_trusted:
        lines[0] = (
            f"the units do not follow the shares: {counts} {p}; do not trust this experiment: look for "
            "lists that were not logged, for robots, and for shares that changed as it ran"
        )
    if report.changed:
        names = ", ".join(report.changed)
        lines.append(f"changed as the experiment ran: {names}; compare arms over the same time with --since")
    if report.moved:
        lines.append(f"{report.moved:,} units saw several arms and count in each")
    if report.nobody:
        lines.append(f"{report.nobody:,} lists were shown to nobody in particular and are left out")
    return lines
