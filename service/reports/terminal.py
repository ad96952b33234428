"""What every command prints alike: JSON for scripts, named figures, an error as one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from vlclip.engine.disk import full, is_full
from vlclip.engine.errors import VlclipError
from vlclip.service.reports.formats import format_value

P = ParamSpec("P")
R = TypeVar("R")

out = Console()
err = Console(stderr=True)


def print_json(body: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    sys.stdout.buffer.write(b"\n")
    sys.stdout.flush()


def says_what_went_wrong(command: Callable[P, R]) -> Callable[P, R]:
    """End with status 1 and one clear sentence instead of a stack trace for expected errors."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except VlclipError as error:
            _tell(error, json=bool(kwargs.get("json")))
            raise typer.Exit(1) from None
        except Exception as error:
            if not is_full(error):
                raise
            _tell(full(_file_of(error)), json=bool(kwargs.get("json")))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            err.print("stopped; everything stored so far is kept, run it again to go on")
            raise typer.Exit(130) from None

    return run


def _tell(error: VlclipError, *, json: bool) -> None:
    if json:
        with suppress(OSError):  # stdout may be a file on the disk that is full
            print_json({"error": {"code": error.code, "message": str(error)}})
    err.print(f"[bold red]error[/] ({error.code}): ", end="")
    err.print(str(error), markup=False, highlight=False)


def _file_of(error: BaseException) -> str:
    """The file for which there was no room, as far as the error says."""
    name = error.filename2 or error.filename if isinstance(error, OSError) else None
    return str(name or "what this command writes")


def print_figures(figures: Mapping[str, Any], *, json: bool) -> None:
    """Named numbers, one a line, or as JSON."""
    if json:
        print_json(figures)
        return
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in figures.items():
        table.add_row(name, format_value(value))
    out.print(table)


def plain(text: str) -> str:
    """Text from a catalogue without terminal control characters or markup."""
    printable = "".join(char if char.isprintable() else " " for char in text[:120])
    return printable.replace("[", "\\[")
