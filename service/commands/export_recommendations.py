"""`vlclip export recommendations`: lists of many users as a file, for mail and feeds."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.lists.mailing import make_lists, read_users, users_of
from vlclip.ranking.lists.mailing_file import MailingSize, write_mailing
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.commands.list_plan import read_list_plan
from vlclip.service.commands.options import (
    ArmFile,
    Collapse,
    Diversity,
    Encoding,
    Exclude,
    Filters,
    GroupByOption,
    Json,
    Limit,
    StoreOption,
    Weights,
)
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def recommendations(
    *,
    users: Annotated[
        str, typer.Option(help="A file of users: one a line, or a table; all: everyone with an event.")
    ],
    output: Annotated[Path, typer.Option("--out", help="File to write, .parquet or .jsonl.")],
    store: StoreOption = None,
    encoding: Encoding = "",
    flat: Annotated[bool, typer.Option("--flat", help="A row for each item, not one for each user.")] = False,
    photo_base: Annotated[
        str, typer.Option(help="Address that is put before photos that are paths: https://cdn.example/img")
    ] = "",
    weights: Weights = None,
    filter: Filters = None,
    exclude: Exclude = None,
    limit: Limit = None,
    collapse: Collapse = None,
    diversity: Diversity = None,
    group_by: GroupByOption = None,
    arm: ArmFile = None,
    json: Json = False,
) -> None:
    """Write the recommendations of many users to a file; nothing of it is logged as shown."""
    settings = Settings.load(store=store)
    plan = read_list_plan(
        weights=weights, filter=filter, exclude=exclude, limit=limit, offset=0,
        collapse=collapse, diversity=diversity, group_by=group_by, arm=arm,
    )  # fmt: skip
    columns = [TextColumn("users"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with (
        closing(open_store(settings.store, settings)) as opened,
        closing(open_history(settings)) as history,
        Progress(*columns, console=err) as bar,
    ):
        names = list(users_of(history)) if users == "all" else read_users(Path(users), encoding)
        task = bar.add_task("", total=len(names))
        recommender = Recommender(opened, Encoders(settings, opened.info).load, settings.search, history)
        lists = make_lists(names, recommender, history, arm=plan.arm, page=plan.page, weights=plan.weights)
        size = write_mailing(
            output, lists, is_flat=flat, photo_base=photo_base,
            progress=lambda count: bar.update(task, completed=count),
        )  # fmt: skip
    if json:
        print_json({"output": str(output), **asdict(size)})
    else:
        _print(size, output)


def _print(size: MailingSize, output: Path) -> None:
    lines = [f"{size.users:,} users, {size.items:,} items: {output}"]
    if size.fallbacks:
        lines.append(f"users without a history that counts: {size.fallbacks:,}; is_fallback marks them")
    if size.empty:
        lines.append(f"empty lists, since nothing fits: {size.empty:,}")
    if size.without_photo:
        lines.append(
            f"items without the address of a photo: {size.without_photo:,}; --photo-base gives files one"
        )
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
