"""`vlclip replay`: what other arms would have earned, from the log of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.errors import BadArm, EvaluationError
from vlclip.ranking.evaluation.replay.as_of import PastShop
from vlclip.ranking.evaluation.replay.choices_report import choice_report
from vlclip.ranking.evaluation.replay.lists import Reward
from vlclip.ranking.evaluation.replay.lists_report import facts_of, list_report
from vlclip.ranking.evaluation.replay.open_bandit import EstimatedPolicy, Target, read_open_bandit, uniform
from vlclip.ranking.evaluation.replay.policy import ArmPolicy
from vlclip.ranking.evaluation.replay.replayed import replay as replay_lists
from vlclip.ranking.evaluation.replay.report import ReplayReport
from vlclip.ranking.experiments.experiment import Experiment, read_experiment
from vlclip.ranking.experiments.table import read_exposures
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.lists.arm import Arm, read_arm
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.replay.page import write_replay_page
from vlclip.service.reports.replay.table import print_replay, replay_json
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def replay(
    log: Annotated[
        Path,
        typer.Argument(
            help="Log of `vlclip export exposures`, .parquet or .jsonl; or a log in the format of Open "
            "Bandit, a folder or its .csv.",
            metavar="LOG",
        ),
    ],
    *,
    arm: Annotated[list[Path] | None, typer.Option(help="TOML file of an arm to judge; repeatable.")] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="For an Open Bandit log: `uniform`, or a log whose policy is estimated; repeatable."
        ),
    ] = None,
    store: StoreOption = None,
    reward: Annotated[Reward, typer.Option(help="The reward that is counted.")] = "clicks",
    experiment: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of the experiment that was logged, to check whether its shares were kept."
        ),
    ] = None,
    exists_since: Annotated[
        str | None,
        typer.Option(
            help="Field with the time from which an item is offered; newer items are left out of a list."
        ),
    ] = None,
    model: Annotated[
        bool,
        typer.Option(
            "--model/--no-model", help="Fit a reward model, which the doubly robust estimator needs."
        ),
    ] = True,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML page.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every estimator, slice and check, not only the first ones.")
    ] = False,
    json: Json = False,
) -> None:
    """Estimate which arm would have earned more, how sure that is, and whether the log can tell.

    Each list is asked again as of its moment: with the history, the items and the filter of then.
    """
    if log.is_dir() or log.suffix == ".csv":
        if arm or reward != "clicks":
            raise EvaluationError(
                "a log in the format of Open Bandit has only clicks and no arms; name targets: "
                "--target uniform, or --target OTHER_LOG"
            )
        report = choice_report(
            read_open_bandit(log), _targets(target), source=str(log), now=time.time(), with_model=model
        )
    else:
        if target:
            raise EvaluationError(f"{log} is a log of lists; name arms, not targets: --arm FILE.toml")
        plan = read_experiment(experiment) if experiment else None
        arms = _arms(arm)
        report = _lists(log, arms, Settings.load(store=store), reward, plan, exists_since, model=model)
    if html is not None:
        write_replay_page(report, html)
    if json:
        print_json(replay_json(report))
        return
    print_replay(report, everything=everything)
    if html is not None:
        out.print(f"written: {html}", markup=False, highlight=False, soft_wrap=True)


def _targets(words: Sequence[str] | None) -> dict[str, Target]:
    """The targets by the names that reports use."""
    if not words:
        raise EvaluationError("name the policy to judge: --target uniform, or --target OTHER_LOG")
    return {
        "/".join(Path(word).parts[-2:]): uniform
        if word == "uniform"
        else EstimatedPolicy(read_open_bandit(Path(word)))
        for word in words
    }


def _arms(files: Sequence[Path] | None) -> list[Arm]:
    arms = [read_arm(file) for file in files or ()]
    if not arms:
        raise BadArm("name the arm to judge: --arm FILE.toml (its format: docs/experiments.md)")
    names = [f"{arm.id}@{arm.hash}" for arm in arms]
    if len(set(names)) < len(names):
        raise BadArm("two of these arms have the same id and the same ranking; leave one out")
    return arms


def _lists(
    log: Path,
    arms: Sequence[Arm],
    settings: Settings,
    reward: Reward,
    experiment: Experiment | None,
    exists_since: str | None,
    *,
    model: bool,
) -> ReplayReport:
    facts = facts_of(read_exposures(log), source=log.name, now=time.time(), experiment=experiment)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with (
        closing(open_store(settings.store, settings)) as store,
        closing(open_history(settings)) as history,
        Progress(*columns, console=err, transient=True) as bar,
    ):
        shop = PastShop(
            store, Encoders(settings, store.info).load, settings.search, history, exists_since=exists_since
        )
        task = bar.add_task("lists", total=len(facts.shown_at))
        replayed = replay_lists(
            read_exposures(log),
            [ArmPolicy(arm, shop) for arm in arms],
            progress=lambda count: bar.update(task, completed=count),
        )
        judging = bar.add_task("judging", total=None)
        return list_report(
            replayed, facts, reward, with_model=model,
            progress=lambda now: bar.update(judging, description=f"judging: {now}"),
        )  # fmt: skip
