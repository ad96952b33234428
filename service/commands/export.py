"""`vlclip export`: the log as a table for analysis, replay and learning; lists of many users."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import time
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from vlclip.ranking.errors import HistoryError
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.experiments.table import anonymous, part_names, write_table
from vlclip.ranking.history.clock import horizon
from vlclip.ranking.history.opening import open_history
from vlclip.service.commands.export_recommendations import recommendations
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Write what was logged, or lists of many users, to a file.")

Since = Annotated[datetime | None, typer.Option(help="Only lists from this time on, UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Only lists before this time, UTC.")]


@app.command("exposures")
@says_what_went_wrong
def exposures(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, .parquet or .jsonl.")],
    *,
    store: StoreOption = None,
    since: Since = None,
    until: Until = None,
    experiment: Annotated[str | None, typer.Option(help="Only lists of the experiment with this id.")] = None,
    anonymise: Annotated[
        bool, typer.Option("--anonymise", help="Hash users and request ids; leave out what users typed.")
    ] = False,
    json: Json = False,
) -> None:
    """Write one row per item that was shown: its score, its propensity and the events that followed."""
    settings = Settings.load(store=store)
    columns = [SpinnerColumn(), TextColumn("{task.completed:,} lists")]
    with (
        closing(open_log(settings)) as log,
        closing(open_history(settings)) as history,
        Progress(*columns, console=err) as bar,
    ):
        task = bar.add_task("")
        scan = partial(
            log.scan, since=beginning(settings, since), until=seconds(until), experiment=experiment
        )
        logged = joined(scan(), history)
        written = write_table(
            output,
            anonymous(logged) if anonymise else logged,
            part_names(scan()),
            progress=lambda lists: bar.update(task, completed=lists),
        )
    if json:
        print_json({"output": str(output), **asdict(written)})
        return
    counts = f"{written.lists:,} lists, {written.items:,} items shown, {written.clicked:,} of them clicked"
    out.print(f"{counts}: {output}", markup=False, highlight=False, soft_wrap=True)


app.command("recommendations")(recommendations)


def open_log(settings: Settings) -> SqliteExposures:
    """The log of this store; `HistoryError` where there is none yet."""
    path = exposures_path(settings)
    if path is None or not path.exists():
        raise HistoryError(
            f"there is no log of exposures at {path}; serve with exposures.log on, or give --store"
        )
    return SqliteExposures(path)


def beginning(settings: Settings, since: datetime | None) -> float:
    """`since`, but not before the history's retention: a list whose clicks are gone seems unclicked."""
    return max(seconds(since) or 0.0, horizon(settings.history.retention_days, time()))


def seconds(moment: datetime | None) -> float | None:
    """Seconds since 1970 of a time as it was typed, in UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()
