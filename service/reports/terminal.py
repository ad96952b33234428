"""What every command prints alike: JSON for scripts, named figures, an error as one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import orjson
import typer

from vlclip.engine.disk import full, is_full
from vlclip.engine.errors import VlclipError
from vlclip.service.reports.formats import format_value

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")


def __getattr__(name: str) -> Console:
    """`out` and `err`, made when they are first imported: who prints JSON needs no console."""
    if name not in {"out", "err"}:
        raise AttributeError(name)
    from rich.console import Console  # noqa: PLC0415 - see above

    console = globals()[name] = Console(stderr=name == "err")
    return console


def _err() -> Console:
    from vlclip.service.reports.terminal import err  # noqa: PLC0415 - see above

    return err


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
            _err().print("stopped; everything stored so far is kept, run it again to go on")
            raise typer.Exit(130) from None

    return run


def _tell(error: VlclipError, *, json: bool) -> None:
    if json:
        with suppress(OSError):  # stdout may be a file on the disk that is full
            print_json({"error": {"code": error.code, "message": str(error)}})
    err = _err()
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
    from rich.table import Table  # noqa: PLC0415 - JSON needs none

    from vlclip.service.reports.terminal import out  # noqa: PLC0415 - as above

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
