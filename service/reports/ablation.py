"""An ablation's report for people, as tables of at most 110 columns, and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from vlclip.ranking.evaluation.ablation.boxes import Grounded
from vlclip.ranking.evaluation.ablation.measurement import Row, Setup, Slice, Step
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.ablation.run import Report
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


def shape(report: Report) -> dict[str, Any]:
    """The report as one JSON object; a figure is `value`, `low`, `high`, NaN and what is absent null."""
    table = report.ablation
    return {
        "catalogue": report.source,
        "n": table.n,
        **report.made_by,
        "rows": [_row_shape(row) for row in table.rows],
        "steps": [asdict(step) for step in table.steps],
        "slices": [
            {"name": one.name, "value": one.value, "n": one.n, "rows": [_row_shape(row) for row in one.rows]}
            for one in table.slices
        ],
        "too_small": [{"name": name, "value": value, "n": n} for name, value, n in table.too_small],
        "grounding": asdict(report.grounded) if report.grounded else None,
        "attributes": [
            {"photo": one.photo, "model": one.model, **asdict(one.told)} for one in report.attributes
        ],
        "notes": list(report.notes),
    }


def print_report(report: Report, console: Console) -> None:
    """Every table that has something to say."""
    wide = console if console.is_terminal else Console(width=WIDTH)
    made_by = ", ".join(f"{role} {name}" for role, name in report.made_by.items())
    wide.print(f"{report.ablation.n:,} items of {report.source}", markup=False, highlight=False)
    wide.print(f"{made_by}\n", markup=False, highlight=False)
    for title, table in _tables(report):
        wide.print(f"[bold]{title}[/]", highlight=False)
        wide.print(table)
        wide.print()
    said = [
        f"{CHANGE_NAMES[step.change]}, {step.held}: {step.why}"
        for step in report.ablation.steps
        if step.figure is None
    ]
    if report.ablation.too_small:
        said.append(f"slices of fewer items than can be judged: {_small(report)}")
    for one in (*said, *report.notes):
        wide.print(f"note: {one}", markup=False, highlight=False)


def _tables(report: Report) -> Iterator[tuple[str, Table]]:
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


def _main(rows: Sequence[Row]) -> Table:
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
    for change, found in groupby(steps, key=lambda step: step.change):
        for place, step in enumerate(found):
            name = "" if place else CHANGE_NAMES[change]
            held = ", ".join(PHOTO_NAMES.get(word, word) for word in step.held.split(", "))
            if step.figure is None:
                table.add_row(name, held, "-", "")
            else:
                table.add_row(name, held, f"{step.figure.value:.3f}", _span(step.figure, digits=3))
    return table


def _slices(slices: Sequence[Slice], name: str) -> Table:
    """A line per slice and model, a column per photo and text."""
    table = _table("slice", "items", "model")
    columns = list(dict.fromkeys((row.setup.photo, row.setup.text) for row in slices[0].rows))
    for photo, text in columns:
        table.add_column(f"{PHOTO_NAMES[photo]}\n{text}", justify="right", no_wrap=True)
    for one in slices:
        for place, (model, found) in enumerate(groupby(one.rows, key=lambda row: row.setup.model)):
            by_column = {(row.setup.photo, row.setup.text): row.figures[name] for row in found}
            said = ("", "") if place else (plain(f"{one.name}: {one.value}"[:40]), f"{one.n:,}")
            table.add_row(*said, model, *(_cell(by_column[column]) for column in columns))
    return table


def _grounding(grounded: Grounded) -> Table:
    table = _table("photos", "cropped", "mean score")
    cells = [f"{grounded.n:,}", f"{grounded.cropped:.1%}", f"{grounded.score:.3f}"]
    if grounded.iou is not None and grounded.right is not None:
        headings = ("true box known", "mean IoU", "IoU >= 0.5", "of those cropped")
        within = "-" if grounded.right_cropped is None else f"{grounded.right_cropped:.1%}"
        cells += [f"{grounded.known:,}", f"{grounded.iou:.3f}", f"{grounded.right:.1%}", within]
        for heading in headings:
            table.add_column(heading)
    for column in table.columns:
        column.justify = "right"
    table.add_row(*cells)
    return table


def _attributes(report: Report) -> Table:
    table = _table("field", "items", "values", "photo", "model")
    for heading in ("accuracy", "macro-F1", "commonest\nvalue"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, found in groupby(report.attributes, key=lambda one: one.told.field):
        for place, one in enumerate(found):
            told = one.told
            said = ("", "", "") if place else (plain(name), f"{told.n:,}", str(told.classes))
            table.add_row(
                *said, PHOTO_NAMES[one.photo], one.model,
                f"{told.accuracy.value:.3f} [dim]{_span(told.accuracy, 3)}[/]",
                f"{told.macro_f1:.3f}",
                "" if place else f"{told.majority:.3f}",
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
    return f"{figure.value:.{digits}f}\n[dim]{_span(figure, digits)}[/]"


def _span(figure: Figure, digits: int) -> str:
    low, high = (f"{bound:.{digits}f}".removeprefix("0") for bound in (figure.low, figure.high))
    return f"{low}–{high}"  # noqa: RUF001 - the dash of intervals


def _small(report: Report) -> str:
    said = [f"{name}: {value} ({n})" for name, value, n in report.ablation.too_small]
    more = f" and {len(said) - 10} more" if len(said) > 10 else ""
    return ", ".join(said[:10]) + more


def _row_shape(row: Row) -> dict[str, Any]:
    return {
        **asdict(row.setup),
        **{name: asdict(figure) for name, figure in row.figures.items()},
        "over_first": asdict(row.over_first) if row.over_first else None,
    }
