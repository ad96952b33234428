"""`vlclip similar`."""

from __future__ import annotations

from typing import Annotated

import typer

from vlclip.ranking.lists.opening import open_recommender
from vlclip.service.commands.list_plan import read_list_plan
from vlclip.service.commands.options import (
    ArmFile,
    Collapse,
    Diversity,
    Exclude,
    Filters,
    GroupByOption,
    Json,
    Limit,
    Offset,
    StoreOption,
    User,
    Weights,
)
from vlclip.service.reports.results import print_results
from vlclip.service.reports.terminal import says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def similar(
    item: Annotated[str, typer.Argument(help="Id of the anchor: the item that the list is about.")],
    *,
    store: StoreOption = None,
    weights: Weights = None,
    filter: Filters = None,
    exclude: Exclude = None,
    limit: Limit = None,
    offset: Offset = 0,
    collapse: Collapse = None,
    diversity: Diversity = None,
    group_by: GroupByOption = None,
    user: User = "",
    arm: ArmFile = None,
    json: Json = False,
) -> None:
    """List items that are similar to an item, each with the parts of its score."""
    settings = Settings.load(store=store)
    plan = read_list_plan(
        weights=weights, filter=filter, exclude=exclude, limit=limit, offset=offset,
        collapse=collapse, diversity=diversity, group_by=group_by, arm=arm,
    )  # fmt: skip
    with open_recommender(settings) as recommender:
        answer, took_ms = plan.answer(recommender, "similar", user=user, anchor=item)
    print_results(answer, json=json, extra={"item": item, "took_ms": took_ms})
