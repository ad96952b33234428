"""`vlclip import events`: events of other systems, brought into the history."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vlclip.engine.errors import StoreError
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.intake.importing import ImportPlan, import_events
from vlclip.ranking.history.intake.preset import AUTO
from vlclip.ranking.history.opening import open_history
from vlclip.service.commands.options import Encoding, Json, Map, StoreOption
from vlclip.service.reports.imported import import_body, print_import
from vlclip.service.reports.terminal import err, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Bring in what other systems logged.")


@app.callback()
def _import() -> None:
    """Bring in what other systems logged."""


@app.command("events")
@says_what_went_wrong
def events(
    source: Annotated[Path, typer.Argument(help="A JSONL, CSV, Parquet or JSON file, or a folder of them.")],
    *,
    store: StoreOption = None,
    format: Annotated[
        str, typer.Option("--format", help="auto, ga4, segment, retailrocket, rees46, hm or plain.")
    ] = AUTO,
    map: Map = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="What an event's name means: wishlist=cart; repeatable."),
    ] = None,
    encoding: Encoding = "",
    kind: Annotated[
        str, typer.Option(help="Kind of every row, where no column says it.", show_default="by a column")
    ] = "",
    json: Json = False,
) -> None:
    """Add the events of a file to the history; what is there already is left alone."""
    settings = Settings.load(store=store)
    plan = ImportPlan(
        source=source, format=format, mapping=map or (), kinds=event or (), kind=kind, encoding=encoding
    )
    rows = TextColumn("{task.fields[rows]:,} rows")
    columns = [
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), rows, TimeRemainingColumn()
    ]  # fmt: skip
    with closing(open_history(settings)) as history, Progress(*columns, console=err) as bar:
        tasks = {
            step: bar.add_task(name, total=1.0, visible=False, rows=0)
            for step, name in {"survey": "looking through", "import": "importing"}.items()
        }

        def advance(step: str, rows: int, share: float) -> None:
            bar.update(tasks[step], completed=share, rows=rows, visible=True)

        report = import_events(plan, history, progress=advance)
        unknown = None if not report.items else unknown_items(report.items, settings)
    if json:
        print_json(import_body(report, unknown))
    else:
        print_import(report, unknown, settings.history.retention_days)


def unknown_items(items: dict[str, int], settings: Settings) -> dict[str, int] | None:
    """The items that the store does not have, with their events; None where it cannot be asked now."""
    try:
        with closing(open_store(settings.store, settings)) as store:
            stored = {record.id for batch in store.scan(fields=("id",)) for record in batch}
    except StoreError:
        return None
    return {item: count for item, count in items.items() if item not in stored}
