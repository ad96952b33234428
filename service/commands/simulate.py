"""`vlclip simulate`: a log of simulated shoppers, and which arm is really the best for them."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.behaviour import ClickBehaviour
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.simulator.logs import parts_of
from vlclip.ranking.evaluation.simulator.logs import simulate as simulate_lists
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.truth import Truth, true_value
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.experiments.table import TableSize, write_table
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.arm import Arm, Exploration, read_arm
from vlclip.ranking.lists.request import ListKind
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.http.requests import read_weights
from vlclip.service.reports.terminal import err, out, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

LOGGED_BY = Arm(id="logging", exploration=Exploration(temperature=0.05))
"""The plain ranking with some chance in it, where no arm is given."""
CONTINUATION = 0.9
Clicks = Literal["position", "cascade", "bayesian"]
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
    logged_by = LOGGED_BY if arm is None else read_arm(arm)
    arms = list(
        {
            f"{candidate.id}@{candidate.hash}": candidate
            for candidate in [logged_by, *map(read_arm, truth or ())]
        }.values()
    )
    world = World(
        seed=seed, shoppers=shoppers, limit=limit, likes=read_weights(likes),
        kinds=cast("dict[ListKind, float]", read_weights(kinds)),
    )  # fmt: skip
    settings = Settings.load(store=store)
    with ExitStack() as stack:
        opened = stack.enter_context(closing(open_store(settings.store, settings)))
        events = None if history is None else stack.enter_context(closing(SqliteHistory(history)))
        encoders = Encoders(settings, opened.info)
        shop = SimulatedShop(opened, encoders.load, settings.search, world, _behaviour(clicks, limit), events)
        bar = stack.enter_context(Progress(*BAR, console=err))
        task = bar.add_task("log", total=lists)
        written = write_table(
            output,
            simulate_lists(shop, logged_by, lists),
            parts_of(shop, logged_by),
            progress=lambda count: bar.update(task, completed=count),
        )
        truths = [
            true_value(
                shop, candidate, bar.track(shop.steps(lists), total=lists, description=plain(candidate.id))
            )
            for candidate in arms
        ]
    best = _winner(truths)
    if json:
        print_json(_body(output, world, clicks, written, truths, best))
        return
    _show(output, written, truths, best)


def _behaviour(clicks: Clicks, limit: int) -> ClickBehaviour:
    if clicks == "cascade":
        return Cascade()
    if clicks == "bayesian":
        return DynamicBayesian(CONTINUATION)
    return PositionBased(1 / np.arange(1, limit + 1))


def _winner(truths: list[Truth]) -> str | None:
    """The arm that is worth more than every other, beyond the error of the orders that were drawn."""
    best, *others = sorted(truths, key=lambda truth: -truth.clicks.value)
    return best.arm if all(best.clicks.low > truth.clicks.high for truth in others) else None


def _body(
    output: Path, world: World, clicks: Clicks, written: TableSize, truths: list[Truth], best: str | None
) -> dict[str, Any]:
    return {
        "output": str(output),
        **asdict(written),
        "behaviour": clicks,
        "world": asdict(world),
        "logged_by": truths[0].arm,
        "logged_clicks": written.clicked / written.lists,
        "winner": best,
        "arms": [
            asdict(truth) | {"ctr": {str(cut): asdict(rate) for cut, rate in truth.ctr.items()}}
            for truth in truths
        ],
    }


def _show(output: Path, written: TableSize, truths: list[Truth], best: str | None) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("arm", overflow="fold")
    cuts = (min(truths[0].ctr), max(truths[0].ctr))
    for heading in (
        "clicks a list",
        "uplift",
        *(f"CTR@{cut}" for cut in dict.fromkeys(cuts)),
        "revenue a list",
    ):
        table.add_column(heading, justify="right")
    for truth in truths:
        uplift = truth.clicks.value - truths[0].clicks.value
        rates = [f"{truth.ctr[cut].value:.4f}" for cut in dict.fromkeys(cuts)]
        table.add_row(
            plain(truth.arm), _figure(truth.clicks), f"{uplift:+.4f}", *rates, f"{truth.revenue.value:.4f}"
        )
    out.print(table)
    counts = f"{written.lists:,} lists, {written.items:,} items shown, {written.clicked:,} of them clicked"
    lines = [f"the log has {written.clicked / written.lists:.4f} clicks a list: {counts}: {output}"]
    if len(truths) > 1:
        lines.append(f"the best arm is {best}" if best else "the best arms cannot be told apart")
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _figure(figure: Figure) -> str:
    """The value, and where orders were drawn half the width of its interval."""
    half = (figure.high - figure.low) / 2
    return f"{figure.value:.4f} ± {half:.4f}" if half else f"{figure.value:.4f}"
