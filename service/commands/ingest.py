"""`vlclip ingest`."""

from __future__ import annotations

from typing import Annotated

import typer

from vlclip.service.commands.options import (
    CheckPhotos,
    Clip,
    ColumnMap,
    Device,
    Encoding,
    Format,
    Grounder,
    Json,
    Key,
    LedgerOption,
    MissingPhotoOption,
    Prune,
    Refine,
    StoreOption,
    TextEncoder,
    Url,
)
from vlclip.service.reports.terminal import print_json, says_what_went_wrong


@says_what_went_wrong
def ingest(
    source: Annotated[
        str, typer.Argument(help="A JSONL, CSV, Parquet, JSON or XML file, or a folder of such files.")
    ],
    *,
    store: StoreOption = None,
    url: Url = None,
    key: Key = "",
    ledger: LedgerOption = None,
    map: ColumnMap = None,
    format: Format = "auto",
    encoding: Encoding = "",
    prune: Prune = False,
    force_prune: Annotated[bool, typer.Option(help="Prune even if that deletes most of the store.")] = False,
    explain: Annotated[
        bool,
        typer.Option(help="Show how the catalogue would be read, and store nothing."),
    ] = False,
    retry_failed: Annotated[bool, typer.Option(help="Ingest only the items that failed before.")] = False,
    check_photos: CheckPhotos = False,
    missing_photo: MissingPhotoOption = None,
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    grounder: Grounder = None,
    refine: Refine = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Bring a store up to date with a catalogue; unchanged items are left alone.

    With --url a running service is brought up to date: the same mapping, the same report. It is asked which
    items it has already, and gets the others; photos in files go along as bytes.
    """
    # numpy, polars and the store's engine take half a second to load, and `--help` needs none of them
    from vlclip.ingestion.pipeline.explain import explain_catalogue  # noqa: PLC0415
    from vlclip.ingestion.pipeline.ingest import IngestPlan  # noqa: PLC0415
    from vlclip.service.commands.target import StoreOptions, Target  # noqa: PLC0415
    from vlclip.service.reports.explanation import explanation_json, print_explanation  # noqa: PLC0415
    from vlclip.service.reports.ingestion import print_ingest, progress_bar, report_json, show_on  # noqa: PLC0415

    options = StoreOptions(
        store=store, clip=clip, text_encoder=text_encoder, device=device,
        grounder=grounder, refine=refine, missing_photo=missing_photo,
    )  # fmt: skip
    settings = options.settings()
    if explain:
        explanation = explain_catalogue(source, settings, mapping=map or [], layout=format, encoding=encoding)
        if json:
            print_json(explanation_json(explanation))
        else:
            print_explanation(explanation)
        return
    target = Target.of(settings, url, key, ledger, options)
    plan = IngestPlan(
        source, map or [], format, prune, force_prune, retry_failed,
        near=settings.search.collapse_distance, encoding=encoding, check_photos=check_photos,
    )  # fmt: skip
    with progress_bar() as bar:
        report = target.ingest(plan, show_on(bar))
    if json:
        print_json(report_json(report) | {"store": target.name, "dead_letters": report.dead_letters})
    else:
        print_ingest(report, target.name)
    if report.prune_refused:
        raise typer.Exit(1)
