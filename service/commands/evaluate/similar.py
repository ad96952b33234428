"""`vlclip evaluate similar`: whether an item's neighbours are of its kind."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from vlclip.engine.filters import read_filter
from vlclip.engine.opening.stores import open_store
from vlclip.engine.training.held_out import is_validation
from vlclip.ranking.evaluation.retrieval.stored import same_share
from vlclip.service.commands.evaluate.options import Split
from vlclip.service.commands.options import Filters, Json, StoreOption, Weights
from vlclip.service.http.weights import read_weights
from vlclip.service.reports.terminal import print_figures, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def similar(
    *,
    store: StoreOption = None,
    field: Annotated[list[str], typer.Option(help="Payload field the neighbours should share; repeatable.")],
    k: Annotated[int, typer.Option(help="Neighbours looked at.", min=1)] = 5,
    split: Annotated[Split, typer.Option(help="validation: only ids that training keeps back.")] = "all",
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
