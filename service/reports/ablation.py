"""An ablation's report for people, as tables of at most 110 columns, and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from vlclip.ranking.evaluation.ablation.boxes import Grounded
from vlclip.ranking.evaluation.ablation.measurement import AblationRow, ItemSlice, Setup, Step
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.ablation.run import AblationReport
from vlclip.service.reports.formats import format_narrow_interval
from vlclip.service.reports.terminal import plain

WIDTH = 110
PHOTO_NAMES = {"full": "full photo", "crop": "crop", "box": "true box"}
CHANGE_NAMES = {
    "gap": "gap to the true box closed by the crop",
    "crop": "crop / full photo",
    "refined": "refined / raw text",
    "tuned": "tuned / base model",
}
HEADINGS = {
    "hits@1": "HITS@1",
    "hits@5": "HITS@5",
    "hits@10": "HITS@10",
    "mrr": "MRR",
    "hits@5_dup": "HITS@5\nor twin",
    "type@5": "same\ntype@5",
    "colour@5": "same\ncolour@5",
}
SLICED = ("hits@5", "mrr")


def report_json(report: AblationReport) -> dict[str, Any]:
    """The report as one JSON object; a figure is `value`, `low`, `high`; NaN and what is absent are null."""
    table = report.ablation
    return {
        "catalogue": report.source,
        "n": table.n,
        **report.made_by,
        "rows": [_row_json(row) for row in table.rows],
        "steps": [_step_json(step) for step in table.steps],
        "slices": [
            {
                "name": part.name,
                "value": part.value,
                "n": part.n,
                "rows": [_row_json(row) for row in part.rows],
            }
            for part in table.slices
        ],
        "too_small": [{"name": name, "value": value, "n": n} for name, value, n in table.too_small],
        "grounding": _grounded_json(report.grounded) if report.grounded else None,
        "attributes": [
            {"photo": row.photo, "model": row.model, **asdict(row.score)} for row in report.attributes
        ],
        "notes": list(report.notes),
    }


def print_report(report: AblationReport, console: Console) -> None:
    """Every table that has something to say."""
    wide = console if console.is_terminal else Console(width=WIDTH)
    made_by = ", ".join(f"{role} {name}" for role, name in report.made_by.items())
    wide.print(f"{report.ablation.n:,} items of {report.source}", markup=False, highlight=False)
    wide.print(f"{made_by}\n", markup=False, highlight=False)
    for title, table in _tables(report):
        wide.print(f"[bold]{title}[/]", highlight=False)
        wide.print(table)
        wide.print()
    notes = [
        f"{CHANGE_NAMES[step.change]}, {step.setting}: {step.why}"
        for step in report.ablation.steps
        if step.figure is None
    ]
    if report.ablation.too_small:
        notes.append(f"slices of fewer items than can be judged: {_small(report)}")
    for note in (*notes, *report.notes):
        wide.print(f"note: {note}", markup=False, highlight=False)


def _tables(report: AblationReport) -> Iterator[tuple[str, Table]]:
    yield "texts find their own photo; similar items agree", _main(report.ablation.rows)
    if report.grounded:
        yield "the grounder's boxes", _grounding(report.grounded)
    if report.ablation.steps:
        yield "what each step is worth, in HITS@5", _steps(report.ablation.steps)
    for name in SLICED if report.ablation.slices else ():
        title = f"{HEADINGS[name]} by slice; the photos of all items are searched"
        yield title, _slices(report.ablation.slices, name)
    if report.attributes:
        yield "fields told from photos by prompts alone", _attributes(report)


def _main(rows: Sequence[AblationRow]) -> Table:
    names = [name for name in HEADINGS if name in rows[0].figures]
    table = _table("photo", "text", "model")
    for name in names:
        table.add_column(HEADINGS[name], justify="right", no_wrap=True)
    table.add_column("HITS@5\n/ first", justify="right", no_wrap=True)
    for row in rows:
        cells = [_cell(row.figures[name]) for name in names]
        table.add_row(*_setup(row.setup), *cells, _cell(row.over_first, digits=2))
    return table


def _steps(steps: Sequence[Step]) -> Table:
    table = _table("step", "with")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("95 %", justify="right", no_wrap=True)
    for change, group in groupby(steps, key=lambda step: step.change):
        for place, step in enumerate(group):
            name = "" if place else CHANGE_NAMES[change]
            setting = ", ".join(PHOTO_NAMES.get(word, word) for word in step.setting.split(", "))
            if step.figure is None:
                table.add_row(name, setting, "-", "")
            else:
                table.add_row(
                    name, setting, f"{step.figure.value:.3f}", format_narrow_interval(step.figure, digits=3)
                )
    return table


def _slices(slices: Sequence[ItemSlice], name: str) -> Table:
    """A line for each slice and model, a column for each photo and text."""
    table = _table("slice", "items", "model")
    columns = list(dict.fromkeys((row.setup.photo, row.setup.text) for row in slices[0].rows))
    for photo, text in columns:
        table.add_column(f"{PHOTO_NAMES[photo]}\n{text}", justify="right", no_wrap=True)
    for part in slices:
        for place, (model, rows) in enumerate(groupby(part.rows, key=lambda row: row.setup.model)):
            by_column = {(row.setup.photo, row.setup.text): row.figures[name] for row in rows}
            heading = ("", "") if place else (plain(f"{part.name}: {part.value}"[:40]), f"{part.n:,}")
            table.add_row(*heading, model, *(_cell(by_column[column]) for column in columns))
    return table


def _grounding(grounded: Grounded) -> Table:
    table = _table("photos", "cropped", "mean score")
    cells = [f"{grounded.n:,}", f"{grounded.cropped:.1%}", f"{grounded.score:.3f}"]
    if grounded.iou is not None and grounded.right is not None:
        headings = ("true box known", "mean IoU", "IoU >= 0.5", "of those cropped")
        within = "-" if grounded.right_cropped is None else f"{grounded.right_cropped:.1%}"
        cells += [f"{grounded.with_truth:,}", f"{grounded.iou:.3f}", f"{grounded.right:.1%}", within]
        for heading in headings:
            table.add_column(heading)
    for column in table.columns:
        column.justify = "right"
    table.add_row(*cells)
    return table


def _attributes(report: AblationReport) -> Table:
    table = _table("field", "items", "values", "photo", "model")
    for heading in ("accuracy", "macro-F1", "commonest\nvalue"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, group in groupby(report.attributes, key=lambda row: row.score.field):
        for place, row in enumerate(group):
            score = row.score
            first = ("", "", "") if place else (plain(name), f"{score.n:,}", str(score.classes))
            table.add_row(
                *first, PHOTO_NAMES[row.photo], row.model,
                f"{score.accuracy.value:.3f} [dim]{format_narrow_interval(score.accuracy, 3)}[/]",
                f"{score.macro_f1:.3f}",
                "" if place else f"{score.majority:.3f}",
            )  # fmt: skip
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _setup(setup: Setup) -> tuple[str, str, str]:
    return PHOTO_NAMES[setup.photo], setup.text, setup.model


def _cell(figure: Figure | None, digits: int = 3) -> str:
    """The figure over its interval."""
    if figure is None:
        return "-"
    return f"{figure.value:.{digits}f}\n[dim]{format_narrow_interval(figure, digits)}[/]"


def _small(report: AblationReport) -> str:
    slices = [f"{name}: {value} ({n})" for name, value, n in report.ablation.too_small]
    more = f" and {len(slices) - 10} more" if len(slices) > 10 else ""
    return ", ".join(slices[:10]) + more


def _row_json(row: AblationRow) -> dict[str, Any]:
    return {
        **asdict(row.setup),
        **{name: asdict(figure) for name, figure in row.figures.items()},
        "over_first": asdict(row.over_first) if row.over_first else None,
    }


def _step_json(step: Step) -> dict[str, Any]:
    """A step; its setting is `held` in JSON."""
    body = asdict(step)
    return {"change": body["change"], "held": body["setting"], "figure": body["figure"], "why": body["why"]}


def _grounded_json(grounded: Grounded) -> dict[str, Any]:
    """The quality of boxes; the number of photos with a true box is `known` in JSON."""
    return {"known" if name == "with_truth" else name: value for name, value in asdict(grounded).items()}
