"""`vlclip compare`: how the lists of two or more arms differ, without any click."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import BadArm
from vlclip.ranking.evaluation.comparison.comparison import compare_arms
from vlclip.ranking.evaluation.comparison.requests import (
    LogSample,
    draw_anchors,
    read_queries,
    read_users,
    sample_log,
)  # fmt: skip
from vlclip.ranking.experiments.table import read_exposures
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.lists.arm import Arm, read_arm
from vlclip.ranking.lists.recommender import PLAIN, Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.service.commands.options import Clip, Device, Json, StoreOption, TextEncoder
from vlclip.service.reports.comparison import comparison_json, print_comparison
from vlclip.service.reports.terminal import err, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

ANCHORS = 200
"""How many items to start from, where no option names anything else."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the requests come from."""

    anchors: int | None
    queries: Path | None
    users: Path | None
    log: Path | None


@says_what_went_wrong
def compare(
    *,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            help="An arm's TOML file, or `default`; repeatable. A single arm is compared with default."
        ),
    ] = None,
    store: StoreOption = None,
    anchors: Annotated[
        int | None,
        typer.Option(
            help="Ask for similar items of this many items, drawn at random.", min=1, show_default="200"
        ),
    ] = None,
    queries: Annotated[Path | None, typer.Option(help="Searches to ask: a text file, one per line.")] = None,
    users: Annotated[
        Path | None, typer.Option(help="Users to recommend to: a text file, one per line.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Exported log whose lists are asked again; click models are fitted on it too."),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(help="At most this many queries, users and logged lists, each drawn at random.", min=1),
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn at random.")] = 7,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many results each list has.", min=1)] = 10,
    clip: Clip = None,
    text_encoder: TextEncoder = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Compare the lists of arms for the same requests: items, order, variety, parts of scores."""
    arms = _arms(arm or [])
    settings = Settings.load(store=store, clip=clip, text_encoder=text_encoder, device=device)
    sources = Sources(anchors, queries, users, log)
    with closing(open_store(settings.store, settings)) as opened, closing(open_history(settings)) as history:
        requests, logged = _requests(sources, opened, sample, seed)
        recommender = Recommender(opened, Encoders(settings, opened.info).load, settings.search, history)
        columns = [TextColumn("lists"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        with Progress(*columns, console=err) as bar:
            task = bar.add_task("", total=len(requests))
            comparison = compare_arms(
                recommender, opened, arms, requests, limit=limit, log=log, logged=logged.lists,
                progress=lambda: bar.advance(task),
            )  # fmt: skip
    notes = _notes(arms, logged)
    if json:
        print_json({**comparison_json(comparison), "notes": notes})
    else:
        print_comparison(comparison, notes)


def _arms(named: list[str]) -> list[Arm]:
    arms = [PLAIN if name == PLAIN.id else read_arm(Path(name)) for name in named]
    if not arms:
        raise BadArm("name each arm with --arm FILE; `--arm default` is the plain ranking")
    return arms if len(arms) > 1 else [PLAIN, *arms]


def _requests(sources: Sources, store: Store, sample: int, seed: int) -> tuple[list[ListRequest], LogSample]:
    """All requests, those of the log last."""
    requests: list[ListRequest] = []
    named = (sources.queries, sources.users, sources.log)
    anchors = sources.anchors or (0 if any(named) else ANCHORS)
    if anchors:
        requests += draw_anchors(store, anchors, seed)
    if sources.queries is not None:
        requests += read_queries(sources.queries, sample, seed)
    if sources.users is not None:
        requests += read_users(sources.users, sample, seed)
    logged = LogSample()
    if sources.log is not None:
        logged = sample_log(read_exposures(sources.log), sample, seed)
    return [*requests, *logged.requests], logged


def _notes(arms: list[Arm], logged: LogSample) -> list[str]:
    notes = [f"{count:,} logged lists are left out: {why}" for why, count in logged.left_out.items()]
    if any(arm.exploration.temperature for arm in arms):
        notes.append("an arm with exploration is compared by its order without chance")
    if len({arm.hash for arm in arms}) < len(arms):
        notes.append("two of the arms have the same settings: they are one ranking under two names")
    return notes
