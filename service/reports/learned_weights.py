"""Results of `vlclip fit-weights`, as tables, as JSON, and as the comment of an arm's file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from vlclip.ranking.learning.arm_file import arm_weights
from vlclip.ranking.learning.rows import ClickEvidence
from vlclip.ranking.learning.weights import LearnedWeights
from vlclip.ranking.lists.answer import HISTORY
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports.terminal import out, plain

FIGURES = {"log_loss": "log-loss", "auc": "AUC", "dcg": "DCG@10", "top_ctr": "CTR@5"}


def evidence_lines(log_evidence: ClickEvidence, learned: LearnedWeights) -> list[str]:
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


def print_learned_weights(log_evidence: ClickEvidence, learned: LearnedWeights) -> None:
    """The weights and figures in force and learned, and what to know of the log."""
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
    lines = [*evidence_lines(log_evidence, learned)[:2], calibrated, *_remarks(log_evidence)]
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


def learned_weights_body(
    log_evidence: ClickEvidence, learned: LearnedWeights, new_arm: Arm, written: str | None
) -> dict[str, Any]:
    """The report as JSON values; `written` is the arm's file, if it was written."""
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
