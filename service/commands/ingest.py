"""`vlclip ingest`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.ingestion.pipeline.report import IngestReport
from vlclip.service.commands.duplicates import LARGEST, duplicates_json, print_clusters, told
from vlclip.service.reports.terminal import (
    Clip,
    Device,
    Grounder,
    Json,
    Refine,
    StoreOption,
    TextEncoder,
    chosen,
    err,
    out,
    print_json,
    says_what_went_wrong,
)
from vlclip.service.settings import Settings


@says_what_went_wrong
def ingest(
    source: Annotated[str, typer.Argument(help="A JSONL, CSV, Parquet or JSON file, or a folder of shards.")],
    *,
    store: StoreOption = None,
    map: Annotated[
        list[str] | None,
        typer.Option("--map", help="field=Column or field=images/{Id}.jpg; repeatable."),
    ] = None,
    prune: Annotated[bool, typer.Option(help="Delete what the catalogue no longer has.")] = False,
    force_prune: Annotated[bool, typer.Option(help="Prune even if that is most of the store.")] = False,
    retry_failed: Annotated[bool, typer.Option(help="Take up only the items that failed before.")] = False,
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    grounder: Grounder = None,
    refine: Refine = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Bring a store up to date with a catalogue; what has not changed is left alone."""
    settings = Settings.load(
        store=store, clip=clip, text_encoder=text_encoder, device=device, **chosen(grounder, refine)
    )
    with progress_bar() as bar:
        report = ingest_catalogue(
            source, settings, mapping=map or [], prune=prune, force_prune=force_prune,
            retry_failed=retry_failed, near=settings.search.collapse_distance, progress=shown_on(bar),
        )  # fmt: skip
    if json:
        print_json(report_json(report) | {"store": settings.store, "dead_letters": report.dead_letters})
        raise typer.Exit(1 if report.prune_refused else 0)
    out.print(
        f"{report.read:,} read, {report.embedded:,} embedded, {report.unchanged:,} unchanged, "
        f"{report.failed:,} failed, {report.deleted:,} deleted in {report.seconds:.1f} s "
        f"({report.items_per_second:,.0f} items/s) -> {settings.store}"
    )
    if (found := report.photo_duplicates) is not None and found.clusters:
        out.print(f"{told(found)}; vlclip duplicates lists them")
        print_clusters(found.clusters[:LARGEST], {})
    _tell_preparation(report)
    for warning, count in report.warnings.items():
        out.print(f"[yellow]note[/] {count:,} x {warning}")
    if report.prune_refused:
        out.print(f"[yellow]not pruned[/] {report.prune_refused}")
    if report.dead_letters:
        table = Table(
            title=f"{report.dead_letters:,} items wait in the dead letters (retry with --retry-failed)",
            box=None,
        )
        for heading in ("item", "row", "stage", "reason"):
            table.add_column(heading, overflow="fold")
        for letter in report.latest_dead_letters:
            table.add_row(letter.item_id or "-", str(letter.row), letter.stage, letter.reason[:300])
        out.print(table)
    if report.prune_refused:
        raise typer.Exit(1)


def _tell_preparation(report: IngestReport) -> None:
    if report.grounded:
        out.print(f"{report.cropped:,} of {report.grounded:,} photos cropped to the product")
    if report.refinement:
        told = report.refinement
        by = ", ".join(f"{count:,} by {name}" for name, count in told["by"].items())
        out.print(
            f"texts: {by}; {told['kept_share']:.1%} of the refined ones kept, "
            f"{told['rounds_per_item']:g} rounds and {told['tokens_per_item']:,.0f} tokens an item"
        )
        for reason, count in told["fallbacks"].items():
            out.print(f"[yellow]note[/] {count:,} x not the model's text: {reason}")


def report_json(report: IngestReport) -> dict[str, Any]:
    """The report under the names that scripts rely on."""
    return {
        "read": report.read,
        "embedded": report.embedded,
        "unchanged": report.unchanged,
        "duplicates": report.duplicates,
        "failed": report.failed,
        "deleted": report.deleted,
        "seconds": round(report.seconds, 3),
        "items_per_second": round(report.items_per_second, 1),
        "warnings": dict(report.warnings),
        "cropped": report.cropped,
        "looked_for": report.grounded,
        "refinement": dict(report.refinement),
        "prune_refused": report.prune_refused,
        "mapping": list(report.mapping),
        "duplicate_clusters": duplicates_json(report.photo_duplicates),
    }


def progress_bar() -> Progress:
    """The bar of an ingest, on stderr."""
    return Progress(
        TextColumn("ingest"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
        TimeRemainingColumn(), console=err,
    )  # fmt: skip


def shown_on(bar: Progress) -> Callable[[IngestReport], None]:
    """A progress callback that shows the mapping once and then the state on `bar`."""
    task = bar.add_task("", total=None)
    told = False

    def show(report: IngestReport) -> None:
        nonlocal told
        if not told:
            for line in report.mapping:
                bar.console.print(line, markup=False, highlight=False)
            told = True
        words = f"{report.items_per_second:,.0f} items/s, {report.failed:,} failed"
        bar.update(task, completed=report.read, total=report.total, description=words)

    return show
