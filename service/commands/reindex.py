"""`vlclip reindex`: fill a collection of another encoder beside the current one, then swap the two."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vlclip.engine.opening.stores import open_store, promote
from vlclip.ingestion.pipeline.destination import open_destination
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ingestion.pipeline.weighting import weigh_anew
from vlclip.service.commands.options import (
    Clip,
    Device,
    Encoding,
    Format,
    Grounder,
    Json,
    Refine,
    StoreOption,
    TextEncoder,
    preparation_settings,
)
from vlclip.service.reports.ingestion import progress_bar, report_json, show_on
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

ENOUGH = 0.99
"""Share of the current collection's items that the new one must hold to replace it."""


@says_what_went_wrong
def reindex(
    source: Annotated[str, typer.Argument(help="The catalogue, as for ingest.")],
    *,
    store: StoreOption = None,
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    format: Format = "auto",
    encoding: Encoding = "",
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    grounder: Grounder = None,
    refine: Refine = None,
    device: Device = None,
    force: Annotated[bool, typer.Option(help="Swap even if the new collection holds fewer items.")] = False,
    json: Json = False,
) -> None:
    """Embed a catalogue with another encoder beside the current vectors, then swap the two.

    Until the swap the old vectors answer. Processes that have the store open keep to the old vectors until
    they open it again. With the same encoder the vectors stay, and the words of all items are weighted anew,
    by the average lengths of the texts as they are now.
    """
    settings = Settings.load(
        store=store,
        clip=clip,
        text_encoder=text_encoder,
        device=device,
        **preparation_settings(grounder, refine),
    )
    with closing(open_store(settings.store, settings)) as current:
        before, needed = current.info.fingerprint, current.count()
    with open_destination(settings, beside=True) as beside:
        # a collection that an earlier or a killed reindex left may hold items that were removed since
        plan = IngestPlan(
            source, map or [], format, encoding=encoding,
            near=settings.search.collapse_distance, force_prune=beside.info.fingerprint != before,
        )  # fmt: skip
        with progress_bar() as bar:
            report = ingest(plan, beside, settings, progress=show_on(bar))
        if beside.info.fingerprint == before:
            with progress_bar() as bar:
                task = bar.add_task("words", total=beside.store.count())
                weigh_anew(beside.store, progress=lambda count: bar.update(task, completed=count))
        fingerprint, holds = beside.info.fingerprint, beside.store.count()
    swapped = force or holds >= ENOUGH * needed
    if swapped:
        promote(settings.store, settings, fingerprint)
    body = report_json(report) | {
        "before": before, "fingerprint": fingerprint, "items": holds, "swapped": swapped,
    }  # fmt: skip
    if json:
        print_json(body)
    elif fingerprint == before:
        out.print(f"{holds:,} items; the encoder is the same, so only their words were weighted anew")
    elif swapped:
        out.print(f"{holds:,} items, now served from {fingerprint}; back again: vlclip promote {before}")
    if not swapped:
        err.print(
            f"not swapped: the new collection holds {holds:,} items, the current one {needed:,}; see the "
            "dead letters (vlclip doctor), run it again, or swap anyway with --force"
        )
        raise typer.Exit(1)
