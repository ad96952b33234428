"""`vlclip refresh`: make crops and texts of a store's items again, without their catalogue."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.pipeline.refresh import refresh as refresh_points
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.service.commands.options import Device, Grounder, Json, Refine, StoreOption, preparation_settings
from vlclip.service.reports.ingestion import progress_bar
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

SHOWN_FAILURES = 5


@says_what_went_wrong
def refresh(
    *,
    store: StoreOption = None,
    root: Annotated[
        Path, typer.Option(help="Folder that relative photo paths start from: the catalogue's.")
    ] = Path(),
    grounder: Grounder = None,
    refine: Refine = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Encode again what a patch made stale or another grounder or refiner prepared.

    It needs no catalogue. Photos are read from the paths and URLs that the store holds. Photos that came as
    bytes inside a catalogue are not kept: ingest that catalogue again.
    """
    settings = Settings.load(store=store, device=device, **preparation_settings(grounder, refine))
    with (
        closing(open_store(settings.store, settings)) as opened,
        closing(Ledger(ledger_path(settings))) as ledger,
        closing(Preparation.of(settings, opened.info.language)) as preparation,
        progress_bar() as bar,
    ):
        task = bar.add_task("", total=opened.count())
        report = refresh_points(
            Destination(opened, ledger, opened.info, Encoders(settings, opened.info).load),
            settings,
            root=root,
            preparation=preparation,
            progress=lambda count: bar.update(task, completed=count),
        )
        if report.refreshed:
            opened.optimize()
    if json:
        print_json({
            "items": report.items, "refreshed": report.refreshed, "without_photo": report.without_photo,
            "failed": len(report.failed), "grounder": preparation.grounder,
        })  # fmt: skip
    else:
        out.print(f"{report.items:,} items, {report.refreshed:,} refreshed, {len(report.failed):,} failed")
    if report.without_photo:
        err.print(
            f"{report.without_photo:,} items have photos that came as bytes, which are not kept; "
            "ingest their catalogue again"
        )
    for failure in report.failed[:SHOWN_FAILURES]:
        err.print(f"{failure.id}: {failure.reason}", markup=False)
    if report.failed or report.without_photo:
        raise typer.Exit(1)
