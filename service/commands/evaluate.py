"""`vlclip evaluate retrieval` and `vlclip evaluate similar`."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Literal

import typer

from engine.settings import Settings
from engine.store.opening import open_store
from engine.training.pairs import is_validation
from ingestion.catalogue import open_catalogue
from ingestion.guesses import map_columns
from ranking.evaluation.retrieval import evaluate_titles, same_share
from service.schemas import read_filter, read_weights
from service.terminal import (
    Device,
    Filters,
    Json,
    StoreOption,
    Weights,
    print_figures,
    says_what_went_wrong,
)
from service.wiring import Encoders

app = typer.Typer(no_args_is_help=True, help="Judge a store offline.")


@app.command("retrieval")
@says_what_went_wrong
def retrieval(
    source: Annotated[str, typer.Argument(help="The catalogue whose titles are the queries.")],
    *,
    store: StoreOption = None,
    split: Annotated[
        Literal["all", "validation"],
        typer.Option(help="validation: the tenth of the ids training keeps back."),
    ] = "all",
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Do titles find their own photos? HITS@k and MRR among the catalogue's items, exact scoring."""
    settings = Settings.load(store=store, device=device)
    catalogue = open_catalogue(source)
    columns = map_columns(catalogue, map or [])
    titles = {
        entry.id: entry.item.title
        for entry in catalogue.entries(columns)
        if entry.item is not None and (split == "all" or is_validation(entry.id))
    }
    with closing(open_store(settings.store, settings)) as opened:
        figures = evaluate_titles(opened, Encoders(settings, opened.info).load(), titles)
    print_figures({"split": split, **figures}, json=json)


@app.command("similar")
@says_what_went_wrong
def similar(
    *,
    store: StoreOption = None,
    field: Annotated[list[str], typer.Option(help="Payload field the neighbours should share; repeatable.")],
    k: Annotated[int, typer.Option(help="Neighbours looked at.", min=1)] = 5,
    split: Annotated[
        Literal["all", "validation"], typer.Option(help="validation: only ids that training keeps back.")
    ] = "all",
    weights: Weights = None,
    filter: Filters = None,
    json: Json = False,
) -> None:
    """Are similar items alike? Share of each item's nearest others with the same field values."""
    settings = Settings.load(store=store)
    with closing(open_store(settings.store, settings)) as opened:
        records = [
            record
            for batch in opened.scan(filter=read_filter(filter), fields=("id", *field), with_vector=True)
            for record in batch
            if split == "all" or is_validation(record.id)
        ]
        shares = same_share(records, opened, field, opened.info.space.check_weights(read_weights(weights)), k)
    print_figures({"n": len(records), "k": k, "split": split, **shares}, json=json)
