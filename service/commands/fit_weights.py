"""`vlclip fit-weights`: weights of the segments, the history and the boosts, learned from clicks."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from vlclip.ranking.errors import BadArm
from vlclip.ranking.experiments.experiment import Experiment, read_experiment
from vlclip.ranking.experiments.outcome import joined
from vlclip.ranking.history.opening import open_history
from vlclip.ranking.learning.arm_file import arm_text, arm_weights, learned_arm
from vlclip.ranking.learning.rows import ClickEvidence, evidence
from vlclip.ranking.learning.weights import LearnedWeights, learn
from vlclip.ranking.lists.answer import HISTORY
from vlclip.ranking.lists.arm import Arm, arm_of, read_arm
from vlclip.ranking.lists.recommender import PLAIN
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.commands.export import Since, Until, beginning, open_log, seconds
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

FIGURES = {"log_loss": "log-loss", "auc": "AUC", "dcg": "DCG@10", "top_ctr": "CTR@5"}


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
    plan = read_experiment(experiment_file) if experiment_file else None
    arms = [read_arm(file) for file in arm or ()] + list(plan.arms if plan else ())
    base = arms[0] if arms else PLAIN
    log_evidence, learned = _learned(settings, base, arms, since, until, plan if experiment else None)
    new_arm = learned_arm(base, log_evidence, learned, name, keep_boosts=keep_boosts)
    writes = learned.is_better or force
    if writes:
        command = _command(
            output, store=store, since=since, until=until, experiment=experiment, arm=arm,
            id=arm_id, keep_boosts=keep_boosts, force=force,
        )  # fmt: skip
        about = [f"{command}  (vlclip {version('vlclip')}, {today:%Y-%m-%d})", *_about(log_evidence, learned)]
        _write(output, arm_text(new_arm, about))
    if json:
        print_json(_body(log_evidence, learned, new_arm, str(output) if writes else None))
    else:
        _show(log_evidence, learned)
        outcome = f"written: {output}" if writes else "nothing is written; --force writes it all the same"
        out.print(outcome, markup=False, highlight=False, soft_wrap=True)
    if not writes:
        raise typer.Exit(1)


def _learned(
    settings: Settings,
    base: Arm,
    arms: list[Arm],
    since: datetime | None,
    until: datetime | None,
    only: Experiment | None,
) -> tuple[ClickEvidence, LearnedWeights]:
    with closing(open_log(settings)) as log, closing(open_history(settings)) as history:
        lists = log.scan(
            since=beginning(settings, since), until=seconds(until), experiment=only.id if only else None
        )
        log_evidence = evidence(joined(lists, history), base, [*arms, PLAIN])
    columns = [TextColumn("fit"), BarColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("", total=1.0)
        return log_evidence, learn(
            log_evidence.rows, progress=lambda share: bar.update(task, completed=share)
        )


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
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


def _about(log_evidence: ClickEvidence, learned: LearnedWeights) -> list[str]:
    """Where the weights come from, a line each."""
    counts, days = log_evidence.rows.counts, f"{_day(log_evidence.since)} to {_day(log_evidence.until)}"
    lines = [
        ", ".join([*(f"{count:,} {name}" for name, count in counts.items()), days]),
        "lists by arm: " + ", ".join(f"{name} {count:,}" for name, count in log_evidence.arms.items()),
        "in force: " + ", ".join(f"{name} {weight:.4g}" for name, weight in log_evidence.reference.items()),
        "for shoppers held out, in force and learned (difference, its 95 % interval):",
    ]
    for name, title in FIGURES.items():
        figure = learned.figures[name]
        change = _interval(figure.difference, "+.4f")
        lines.append(f"  {title} {figure.in_force.value:.4f} {figure.learned.value:.4f} ({change})")
    return lines


def _show(log_evidence: ClickEvidence, learned: LearnedWeights) -> None:
    weights = Table("weight", box=None, header_style="bold")
    figures = Table("held out", box=None, header_style="bold")
    for table, headings in (
        (weights, ("in force", "learned", "95 %")), (figures, ("in force", "learned", "difference")),
    ):  # fmt: skip
        for heading in headings:
            table.add_column(heading, justify="right")
    for name, weight in arm_weights(log_evidence, learned).items():
        low_high = f"{weight.low:.3f} to {weight.high:.3f}"
        weights.add_row(
            plain(name), f"{log_evidence.reference.get(name, 0):.3f}", f"{weight.value:.3f}", low_high
        )
    for name, title in FIGURES.items():
        figure = learned.figures[name]
        figures.add_row(
            title,
            f"{figure.in_force.value:.4f}",
            f"{figure.learned.value:.4f}",
            _interval(figure.difference, "+.4f"),
        )
    out.print(weights)
    out.print(figures)
    calibration = learned.calibration
    change = _interval(learned.figures["log_loss"].difference, "+.5f")
    verdict = "are better" if learned.is_better else "are not shown to be better"
    calibrated = (
        f"told probabilities of a click: Brier {calibration.brier:.4f}, ECE {calibration.ece:.4f}; "
        f"corrected {calibration.corrected_brier:.4f}, {calibration.corrected_ece:.4f}"
    )
    lines = [*_about(log_evidence, learned)[:2], calibrated, *_remarks(log_evidence)]
    lines.append(f"the learned weights {verdict} than those in force: log-loss {change}")
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _remarks(log_evidence: ClickEvidence) -> list[str]:
    lines = [
        f"{name} is not learned and stays as it is: {why}" for name, why in log_evidence.unlearned.items()
    ]
    lines += [f"{count:,} lists are left out: {why}" for why, count in log_evidence.left_out.items()]
    if HISTORY in log_evidence.rows.names:
        lines.append(
            "the history was logged by the segments' weights in force: its weight is exact where these keep "
            "their proportions; learn again from lists of the new arm"
        )
    if not log_evidence.explored:
        lines.append(
            "no list had chance in its order, so only what these weights put on top was ever seen: take the "
            "arm for a candidate of an experiment, and log with exploration (docs/ranking.md)"
        )
    return lines


def _body(
    log_evidence: ClickEvidence, learned: LearnedWeights, new_arm: Arm, written: str | None
) -> dict[str, Any]:
    return {
        "arm": f"{new_arm.id}@{new_arm.hash}",
        "written": written,
        "is_better": learned.is_better,
        "in_force": dict(log_evidence.reference),
        **asdict(learned),
        "weights": {name: asdict(weight) for name, weight in arm_weights(log_evidence, learned).items()},
        "examination": {
            kind: {str(place): examination for place, examination in places.items()}
            for kind, places in learned.examination.items()
        },
        **log_evidence.rows.counts,
        "arms": dict(log_evidence.arms),
        "since": log_evidence.since,
        "until": log_evidence.until,
        "explored": log_evidence.explored,
        "unlearned": dict(log_evidence.unlearned),
        "left_out": dict(log_evidence.left_out),
        "remarks": _remarks(log_evidence),
    }


def _interval(figure: Figure, form: str) -> str:
    return f"{figure.value:{form}}, {figure.low:{form}} to {figure.high:{form}}"


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()
