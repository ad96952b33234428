"""`vlclip evaluate sessions`: recommendations judged by what users took next."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from vlclip.engine.opening.stores import open_store
from vlclip.ranking.evaluation.retrieval.histories import read_histories
from vlclip.ranking.evaluation.retrieval.next_items import answer_users, judge_users, next_item_plan
from vlclip.ranking.evaluation.retrieval.sessions import hold_out
from vlclip.ranking.lists.arm import read_arm
from vlclip.service.commands.evaluate.options import Against, Arms, Depth, K, progress_bar
from vlclip.service.commands.options import Encoding, Json, Map, StoreOption, Weights
from vlclip.service.http.weights import read_weights
from vlclip.service.reports.judged_sessions import print_sessions, sessions_body
from vlclip.service.reports.terminal import print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def sessions(
    file: Annotated[
        Path, typer.Argument(help="A table with a row for each item, or a JSON object of lists.")
    ],
    *,
    map: Map = None,
    encoding: Encoding = "",
    store: StoreOption = None,
    weights: Weights = None,
    arm: Arms = None,
    against: Against = None,
    users: Annotated[int | None, typer.Option(help="Only the first so many users.", min=1)] = None,
    k: K = 10,
    depth: Depth = 100,
    json: Json = False,
) -> None:
    """Would users have been shown what they took next? Their last item left out, recommendations judged."""
    settings = Settings.load(store=store)
    arms = [read_arm(path) for path in arm or ()]
    plan = next_item_plan(arms, against, read_weights(weights), k=k, depth=depth)
    source = read_histories(file, map or (), encoding)
    with closing(open_store(settings.store, settings)) as opened:
        held_out = hold_out(source.histories, opened).first(users)
        with progress_bar(plan.list_count(held_out)) as advance:
            lists = answer_users(plan, held_out, opened, settings.search, advance)
        report = judge_users(plan, held_out, lists, opened)
    if json:
        print_json(sessions_body(report, source))
    else:
        print_sessions(report, source)
