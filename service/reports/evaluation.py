"""Runs side by side for `vlclip evaluate`: measures, slices and differences, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from vlclip.ranking.evaluation.retrieval.beyond import FrequencySlice
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.ranking.statistics.significance import Standing
from vlclip.service.reports.formats import format_figure
from vlclip.service.reports.terminal import out, plain

BETTER, WORSE = "▲", "▼"

Standings = Mapping[str, Mapping[str, Standing]]
"""By run and measure."""


def print_standings(standings: Standings, against: str, named: Sequence[str]) -> None:
    """A row for each measure, a column for each run; below it the differences of the measures `named`."""
    table = _table("measure", list(standings))
    for measure in standings[against]:
        table.add_row(measure, *(_cell(standings[run][measure]) for run in standings))
    out.print(table)
    if len(standings) == 1:
        return
    say(
        f"95 % intervals; {BETTER} better and {WORSE} worse than {against}, by a randomisation test at 5 %, "
        "corrected for the number of runs (Holm)"
    )
    for measure in named:
        for run in standings:
            difference = standings[run][measure].difference
            if difference is not None:
                say(
                    f"{measure}: {run} less {against} {_interval(difference.figure, 4, sign=True)}, "
                    f"p = {difference.p:.3g}, corrected {difference.corrected:.3g}"
                )


def print_plain(title: str, runs: Mapping[str, Mapping[str, float]]) -> None:
    """Numbers of whole runs, which have no interval."""
    table = _table(title, list(runs))
    for name in next(iter(runs.values())):
        table.add_row(name, *(f"{figures[name]:.3f}" for figures in runs.values()))
    out.print(table)


def print_slices(title: str, runs: Mapping[str, Sequence[FrequencySlice]]) -> None:
    """A row for each slice with its size, a column for each run."""
    table = _table(title, ["n", *runs])
    for same in zip(*runs.values(), strict=True):
        cells = ["-" if part.figure is None else _interval(part.figure, 3) for part in same]
        table.add_row(same[0].name, f"{same[0].n:,}", *cells)
    out.print(table)


def say(line: str) -> None:
    """A sentence under a table."""
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def standings_body(standings: Mapping[str, Standing]) -> dict[str, Any]:
    """A run's measures as JSON values; NaN is null."""
    return {
        measure: {
            **_nan_to_none(asdict(standing.figure)),
            "difference": None
            if standing.difference is None
            else {
                **_nan_to_none(asdict(standing.difference.figure)),
                "p": standing.difference.p,
                "p_corrected": standing.difference.corrected,
            },
        }
        for measure, standing in standings.items()
    }


def slices_body(slices: Sequence[FrequencySlice]) -> list[dict[str, Any]]:
    """Slices as JSON values."""
    return [
        {"seen": part.name, "n": part.n, **({} if part.figure is None else asdict(part.figure))}
        for part in slices
    ]


def _nan_to_none(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def _table(first: str, others: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(plain(name), justify="right", overflow="fold")
    return table


def _cell(standing: Standing) -> str:
    difference, mark = standing.difference, " "
    if difference is not None and difference.is_significant:
        mark = BETTER if difference.figure.value > 0 else WORSE
    return f"{_interval(standing.figure, 3)} {mark}"


def _interval(figure: Figure, digits: int, *, sign: bool = False) -> str:
    return "-" if math.isnan(figure.value) else format_figure(figure, digits, sign=sign)
