"""`vlclip fit-weights`: weights of the segments, the history and the boosts, learned from clicks."""

from __future__ import annotations

import shlex
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.disk import write_whole
from vlclip.ranking.errors import BadArm
from vlclip.ranking.experiments.experiment import read_experiment
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.learning.arm_file import arm_text, learned_arm
from vlclip.ranking.learning.plan import LearningPlan, read_evidence
from vlclip.ranking.learning.rows import ClickEvidence
from vlclip.ranking.learning.weights import LearnedWeights, learn
from vlclip.ranking.lists.arm import arm_of, read_arm
from vlclip.ranking.lists.recommender import PLAIN
from vlclip.service.commands.export import Since, Until, beginning, open_log, seconds
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.learned_weights import (
    evidence_lines,
    learned_weights_body,
    print_learned_weights,
)
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def fit_weights(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The arm's file, .toml.")],
    *,
    store: StoreOption = None,
    since: Since = None,
    until: Until = None,
    experiment: Annotated[
        Path | None, typer.Option(help="An experiment's TOML file: learn from its lists, and know its arms.")
    ] = None,
    arm: Annotated[
        list[Path] | None,
        typer.Option(
            help="An arm's TOML file; repeatable. Weights go into a copy of the first one, else of the "
            "experiment's first. Only of an arm that is named can boosts be learned."
        ),
    ] = None,
    arm_id: Annotated[
        str | None, typer.Option("--id", help="Of the new arm.", show_default="learned-YYYYMMDD")
    ] = None,
    keep_boosts: Annotated[
        bool, typer.Option("--keep-boosts", help="Leave boosts as they are, whatever clicks say.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write even what is no better than the weights in force.")
    ] = False,
    json: Json = False,
) -> None:
    """Learn which weights foretell clicks, and write them as an arm for an experiment.

    Nothing is written where the weights in force tell clicks of other shoppers as well; the status is 1.
    """
    if output.suffix != ".toml":
        raise BadArm(f"an arm is a TOML file; name {output} so, or another one")
    today = datetime.now(UTC)
    name = arm_of({"id": arm_id or f"learned-{today:%Y%m%d}"}, "--id").id
    settings = Settings.load(store=store)
    experiment_file = experiment or (Path(settings.experiment) if settings.experiment else None)
    experiment_plan = read_experiment(experiment_file) if experiment_file else None
    arms = (*map(read_arm, arm or ()), *(experiment_plan.arms if experiment_plan else ()))
    plan = LearningPlan(
        base=arms[0] if arms else PLAIN,
        arms=arms,
        since=beginning(settings, since),
        until=seconds(until),
        experiment=experiment_plan.id if experiment_plan and experiment else None,
    )
    log_evidence, learned = _learned(settings, plan)
    new_arm = learned_arm(plan.base, log_evidence, learned, name, keep_boosts=keep_boosts)
    writes = learned.is_better or force
    if writes:
        command = _command(
            output, store=store, since=since, until=until, experiment=experiment, arm=arm,
            id=arm_id, keep_boosts=keep_boosts, force=force,
        )  # fmt: skip
        about = [
            f"{command}  (vlclip {version('vlclip')}, {today:%Y-%m-%d})",
            *evidence_lines(log_evidence, learned),
        ]
        _write(output, arm_text(new_arm, about))
    if json:
        print_json(learned_weights_body(log_evidence, learned, new_arm, str(output) if writes else None))
    else:
        print_learned_weights(log_evidence, learned)
        outcome = f"written: {output}" if writes else "nothing is written; --force writes it all the same"
        out.print(outcome, markup=False, highlight=False, soft_wrap=True)
    if not writes:
        raise typer.Exit(1)


def _learned(settings: Settings, plan: LearningPlan) -> tuple[ClickEvidence, LearnedWeights]:
    with closing(open_log(settings)) as log, closing(open_history(settings)) as history:
        log_evidence = read_evidence(plan, log, history)
    columns = [TextColumn("fit"), BarColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("", total=1.0)
        return log_evidence, learn(
            log_evidence.rows, progress=lambda share: bar.update(task, completed=share)
        )


def _write(output: Path, text: str) -> None:
    try:
        write_whole(output, text)
    except OSError as error:
        raise BadArm(f"{output} cannot be written ({error}); name another file") from None


def _command(output: Path, **options: object) -> str:
    """The command again, with what was not said left out."""
    words = ["vlclip", "fit-weights", str(output)]
    for name, value in options.items():
        for word in value if isinstance(value, list) else [value]:
            if word not in (None, False):
                words += [f"--{name.replace('_', '-')}", *([] if word is True else [str(word)])]
    return shlex.join(words)
