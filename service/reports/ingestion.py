"""What an ingest did: its progress while it runs, its report when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from vlclip.ingestion.pipeline.agreement import Agreement
from vlclip.ingestion.pipeline.report import IngestReport
from vlclip.service.reports.duplicates import LARGEST, duplicates_json, duplicates_sentence, print_clusters
from vlclip.service.reports.terminal import err, out


def print_ingest(report: IngestReport, store: str) -> None:
    """Counts, near-duplicates, warnings, and the latest dead letters."""
    updated = f"{report.updated:,} updated without encoding, " if report.updated else ""
    out.print(
        f"{report.read:,} read, {report.embedded:,} embedded, {updated}{report.unchanged:,} unchanged, "
        f"{report.failed:,} failed, {report.deleted:,} deleted in {report.seconds:.1f} s "
        f"({report.items_per_second:,.0f} items/s) -> {store}"
    )
    if (duplicates := report.photo_duplicates) is not None and duplicates.clusters:
        out.print(f"{duplicates_sentence(duplicates)}; vlclip duplicates lists them")
        print_clusters(duplicates.clusters[:LARGEST], {})
    _print_preparation(report)
    for warning, count in report.warnings.items():
        out.print(f"[yellow]note[/] {count:,} x {escape(warning)}")
    if report.without_photo:
        out.print(
            f"[yellow]note[/] {report.without_photo:,} x the photo cannot be read; stored with the words "
            "alone (--retry-failed tries the photo again)"
        )
    if report.prune_refused:
        out.print(f"[yellow]not pruned[/] {report.prune_refused}")
    if report.dead_letters:
        table = Table(
            title=f"dead letters: {report.dead_letters:,} (--retry-failed tries them again)",
            box=None,
        )
        for heading in ("item", "row", "stage", "reason"):
            table.add_column(heading, overflow="fold")
        for letter in report.latest_dead_letters:
            table.add_row(letter.item_id or "-", str(letter.row), letter.stage, letter.reason[:300])
        out.print(table)
    if (agreement := report.agreement) is not None:
        figures = f"HITS@5 {agreement.hits:.2f}, chance {agreement.chance:.2f}, {agreement.items:,} items"
        if agreement.is_poor:
            out.print(
                f"[bold yellow]{escape(report.model)} hardly knows your catalogue[/] ({figures}): "
                "try another model with --clip, or vlclip train on your items"
            )
        else:
            out.print(f"words find their photos: {figures}")
    if report.photo_hint:
        out.print(f"[bold red]{escape(report.photo_hint)}[/]")


def _print_preparation(report: IngestReport) -> None:
    if report.grounded:
        out.print(f"{report.cropped:,} of {report.grounded:,} photos cropped to the product")
    if report.refinement:
        counts = report.refinement
        by = ", ".join(f"{count:,} by {name}" for name, count in counts["by"].items())
        agreed = f"; {counts['kept_share']:.1%} of the refined ones kept" if counts["refused"] else ""
        model = (
            f", {counts['rounds_per_item']:g} rounds and {counts['tokens_per_item']:,.0f} tokens an item"
            if counts["rounds_per_item"]
            else ""
        )
        out.print(f"texts: {by}{agreed}{model}")
        for reason, count in counts["fallbacks"].items():
            out.print(f"[yellow]note[/] {count:,} x not the model's text: {reason}")


def report_json(report: IngestReport) -> dict[str, Any]:
    """The report under the names that scripts rely on."""
    return {
        "read": report.read,
        "embedded": report.embedded,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "duplicates": report.duplicates,
        "failed": report.failed,
        "with_photo": report.with_photo,
        "without_photo": report.without_photo,
        "photo_hint": report.photo_hint,
        "model": report.model,
        "agreement": agreement_json(report.agreement),
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


def agreement_json(agreement: Agreement | None) -> dict[str, Any] | None:
    """How well words find their own photos; None where that was not judged."""
    if agreement is None:
        return None
    return {
        "items": agreement.items,
        "hits_at_5": round(agreement.hits, 4),
        "chance": round(agreement.chance, 4),
        "is_poor": agreement.is_poor,
    }


def progress_bar() -> Progress:
    """The bar of an ingest, on stderr."""
    return Progress(
        TextColumn("ingest"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
        TimeRemainingColumn(), console=err,
    )  # fmt: skip


def show_on(bar: Progress) -> Callable[[IngestReport], None]:
    """A progress callback that shows the mapping once and then the state on `bar`."""
    task = bar.add_task("", total=None)
    mapping_shown = False

    def show(report: IngestReport) -> None:
        nonlocal mapping_shown
        if not mapping_shown:
            for line in report.mapping:
                bar.console.print(line, markup=False, highlight=False)
            mapping_shown = True
        words = f"{report.items_per_second:,.0f} items/s, {report.failed:,} failed"
        bar.update(task, completed=report.read, total=report.total, description=words)

    return show
