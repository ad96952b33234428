"""`vlclip evaluate retrieval`: titles against their own photos."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.training.held_out import is_validation
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ranking.evaluation.retrieval.stored import evaluate_titles
from vlclip.service.commands.evaluate.options import Split
from vlclip.service.commands.options import Device, Encoding, Json, StoreOption
from vlclip.service.reports.terminal import print_figures, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def retrieval(
    source: Annotated[str, typer.Argument(help="The catalogue whose titles are the queries.")],
    *,
    store: StoreOption = None,
    split: Annotated[
        Split,
        typer.Option(help="validation: the tenth of the ids training keeps back."),
    ] = "all",
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    encoding: Encoding = "",
    device: Device = None,
    json: Json = False,
) -> None:
    """Do titles find their own photos? HITS@k and MRR among the catalogue's items, exact scoring."""
    settings = Settings.load(store=store, device=device)
    catalogue = open_catalogue(source, encoding=encoding)
    columns = map_columns(catalogue, map or [], ReadingChoices.of(settings))
    titles = {
        entry.id: entry.item.title
        for entry in catalogue.entries(columns)
        if entry.item is not None and (split == "all" or is_validation(entry.id))
    }
    with closing(open_store(settings.store, settings)) as opened:
        figures = evaluate_titles(opened, Encoders(settings, opened.info).load(), titles)
    print_figures({"split": split, **figures}, json=json)
