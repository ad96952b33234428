"""Options and the progress bar that several commands of `vlclip evaluate` have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.service.reports.terminal import err

Arms = Annotated[
    list[Path] | None, typer.Option("--arm", help="TOML file of an arm to judge as well; repeatable.")
]
Against = Annotated[
    str | None, typer.Option(help="Run that the others are held to.", show_default="the first")
]
K = Annotated[int, typer.Option("--k", help="Places of a list that are looked at.", min=1)]
Depth = Annotated[int, typer.Option(help="Length of the lists that are asked for.", min=1)]
Split = Literal["all", "validation"]


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr; call what it yields after each list."""
    columns = [TextColumn("ask"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
