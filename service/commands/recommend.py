"""`vlclip recommend`."""

from __future__ import annotations

from typing import Annotated

import typer

from vlclip.ranking.lists.answer import Strategy
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
    Weights,
)
from vlclip.service.reports.results import print_results
from vlclip.service.reports.terminal import says_what_went_wrong
from vlclip.service.settings import Settings

STRATEGY_SENTENCES: dict[Strategy, str] = {
    "history": "from what this user did",
    "popular": "nothing is known of this user: what others do most with",
    "content": "nothing is known of this user or of others: what is typical",
}


@says_what_went_wrong
def recommend(
    user: Annotated[str, typer.Argument(help="User to recommend to.")],
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
    arm: ArmFile = None,
    json: Json = False,
) -> None:
    """List items for a user, from their history; for a new user, the most popular items."""
    settings = Settings.load(store=store)
    plan = read_list_plan(
        weights=weights, filter=filter, exclude=exclude, limit=limit, offset=offset,
        collapse=collapse, diversity=diversity, group_by=group_by, arm=arm,
    )  # fmt: skip
    with open_recommender(settings) as recommender:
        answer, took_ms = plan.answer(recommender, "recommendations", user=user)
    print_results(answer, json=json, extra={"user": user, "strategy": answer.strategy, "took_ms": took_ms})
    if not json:
        from vlclip.service.reports.terminal import out  # noqa: PLC0415 - JSON needs no console

        out.print(STRATEGY_SENTENCES[answer.strategy])
