"""`vlclip simulate`: a log of simulated shoppers, and which arm is really the best for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.disk import draft_of
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.evaluation.simulator.logs import parts_of
from vlclip.ranking.evaluation.simulator.logs import simulate as simulate_lists
from vlclip.ranking.evaluation.simulator.plan import (
    CONTINUATION,
    LOGGED_BY,
    Clicks,
    SimulationPlan,
    SimulationReport,
    click_behaviour,
)
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.truth import true_value
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.experiments.table import write_table
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.arm import read_arm
from vlclip.ranking.lists.request import ListKind
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.http.weights import read_weights
from vlclip.service.reports.simulation import print_simulation, simulation_body
from vlclip.service.reports.terminal import err, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

BAR = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


@says_what_went_wrong
def simulate(
    output: Annotated[Path, typer.Argument(metavar="LOG", help="The log's file, .parquet or .jsonl.")],
    *,
    store: StoreOption = None,
    arm: Annotated[
        Path | None,
        typer.Option(help="TOML file of the arm that logs.", show_default="plain, temperature 0.05"),
    ] = None,
    truth: Annotated[
        list[Path] | None, typer.Option(help="TOML file of an arm whose true value is told; repeatable.")
    ] = None,
    lists: Annotated[int, typer.Option(min=1, help="How many lists are asked for.")] = 5000,
    clicks: Annotated[
        Clicks,
        typer.Option(
            help="How shoppers go through a list: place k once in k times, from the top to the first click, "
            f"or from the top until satisfied, going on with {CONTINUATION}."
        ),
    ] = "position",
    seed: Annotated[int, typer.Option(min=0, help="All chance follows from it.")] = 7,
    shoppers: Annotated[int, typer.Option(min=1, help="How many there are.")] = 500,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Places of a list.")] = 10,
    likes: Annotated[
        str | None,
        typer.Option(help="What segments count to shoppers: image=1,text=3", show_default="1 each"),
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Shares of the kinds of lists: similar=2,search=1,recommendations=1")
    ] = "similar=1",
    history: Annotated[
        Path | None,
        typer.Option(
            help="New file to remember in what shoppers did, .sqlite; without it they stay strangers."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a log of simulated shoppers, and the true value of each arm for them.

    What to hold estimators against: they see the log, and here is what they should find (docs/simulator.md).
    """
    plan = SimulationPlan(
        logged_by=LOGGED_BY if arm is None else read_arm(arm),
        compared=tuple(map(read_arm, truth or ())),
        world=World(
            seed=seed, shoppers=shoppers, limit=limit, likes=read_weights(likes),
            kinds=cast("dict[ListKind, float]", read_weights(kinds)),
        ),
        clicks=clicks,
        lists=lists,
    )  # fmt: skip
    report = _simulated(plan, output, Settings.load(store=store), history)
    if json:
        print_json(simulation_body(report))
    else:
        print_simulation(report)


def _simulated(
    plan: SimulationPlan, output: Path, settings: Settings, history: Path | None
) -> SimulationReport:
    with ExitStack() as stack:
        opened = stack.enter_context(closing(open_store(settings.store, settings)))
        events = None if history is None else stack.enter_context(_new_history(history))
        load_embedder = Encoders(settings, opened.info).load
        shop = SimulatedShop(
            opened, load_embedder, settings.search, plan.world, click_behaviour(plan), events
        )
        bar = stack.enter_context(Progress(*BAR, console=err))
        task = bar.add_task("log", total=plan.lists)
        written = write_table(
            output,
            simulate_lists(shop, plan.logged_by, plan.lists),
            parts_of(shop, plan.logged_by),
            progress=lambda count: bar.update(task, completed=count),
        )
        truths = [
            true_value(
                shop, arm, bar.track(shop.steps(plan.lists), total=plan.lists, description=plain(arm.id))
            )
            for arm in plan.arms
        ]
    return SimulationReport(plan, output, written, truths)


@contextmanager
def _new_history(path: Path) -> Iterator[SqliteHistory]:
    """A history that is there once it is whole."""
    if path.exists():
        raise HistoryError(f"{path} is there already, but it has to be empty at first; name a new file")
    with draft_of(path) as draft, closing(SqliteHistory(draft)) as history:
        yield history
