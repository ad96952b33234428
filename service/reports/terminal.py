"""What a person or a script sees: tables on a terminal, one JSON object for machines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from vlclip.engine.errors import VlclipError
from vlclip.ranking.lists.answer import Result
from vlclip.service.http.answers import result_shape

P = ParamSpec("P")
R = TypeVar("R")

out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress goes to stderr.")]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="A folder, or the URL of a Qdrant server.", show_default="./store"),
]
Clip = Annotated[
    str | None,
    typer.Option(
        help="The CLIP to use: shipped name, folder, hf-hub:owner/model or architecture/pretrained."
    ),
]
TextEncoder = Annotated[
    str | None,
    typer.Option(help="Encoder of the text segment: 'clip', or a sentence-transformers name or folder."),
]
Grounder = Annotated[
    str | None,
    typer.Option(
        "--grounder",
        help="Finds the product in its photo: off, vlclip-grounder, a Hugging Face name, a folder, or "
        "original:FOLDER.",
        show_default="grounding.model",
    ),
]
Refine = Annotated[
    Literal["off", "fields", "llm"] | None,
    typer.Option(
        "--refine",
        help="Who cleans the texts: off, fields (the item's own), llm (the endpoint of the settings).",
        show_default="refinement.mode",
    ),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", help="brand=Nike, brand=Nike|Puma, brand!=Nike, price<50, colour= (missing)."),
]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Item id to leave out; repeatable.")]
Weights = Annotated[str | None, typer.Option(help="Weights of the score's parts: image=1,text=0.5")]
User = Annotated[str, typer.Option(help="Whose history is blended in.")]
ArmFile = Annotated[Path | None, typer.Option("--arm", help="TOML file of an arm to rank by.")]
Diversity = Annotated[float | None, typer.Option(help="0 is pure relevance, 1 pure variety.", min=0, max=1)]
Limit = Annotated[int | None, typer.Option("--limit", "-n", help="How many results.", show_default="10")]
Offset = Annotated[int, typer.Option(help="How many of the best to skip.")]
Collapse = Annotated[
    bool | None,
    typer.Option(
        "--collapse/--no-collapse",
        help="Show one of results with near-duplicate photos.",
        show_default="search.collapse",
    ),
]


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
            if kwargs.get("json"):
                print_json({"error": {"code": error.code, "message": str(error)}})
            err.print(f"[bold red]error[/] ({error.code}): ", end="")
            err.print(str(error), markup=False, highlight=False)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            err.print("stopped; everything stored so far is kept, run it again to go on")
            raise typer.Exit(130) from None

    return run


def print_results(results: Sequence[Result], *, json: bool, extra: Mapping[str, Any]) -> None:
    """A list as a table with one column per score part, or as JSON."""
    if json:
        print_json({"results": [result_shape(result) for result in results], **extra})
        return
    if not results:
        out.print("nothing fits")
        return
    names = list(dict.fromkeys(name for result in results for name in result.parts))
    folded = any(result.duplicates for result in results)
    table = Table(box=None, header_style="bold")
    for heading in ("", "id", "title", "price"):
        table.add_column(heading, overflow="fold")
    for heading in ("score", *names):
        table.add_column(heading, justify="right")
    if folded:
        table.add_column("copies", justify="right")
    for rank, result in enumerate(results, 1):
        item = result.item
        price = f"{item['price']:g} {item.get('currency', '')}" if "price" in item else ""
        title = str(item.get("title") or item.get("product_type") or "")
        numbers = [f"{result.score:.3f}", *(_number(result.parts.get(name)) for name in names)]
        copies = [str(len(result.duplicates) or "")] if folded else []
        table.add_row(str(rank), result.id, plain(title), price.strip(), *numbers, *copies)
    out.print(table)


def _number(part: float | None) -> str:
    return "" if part is None else f"{part:.3f}"


def print_figures(figures: Mapping[str, Any], *, json: bool) -> None:
    """Named numbers, one a line, or as JSON."""
    if json:
        print_json(figures)
        return
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in figures.items():
        table.add_row(name, _figure(value))
    out.print(table)


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def plain(text: str) -> str:
    """Text from a catalogue without terminal control characters or markup."""
    shown = "".join(char if char.isprintable() else " " for char in text[:120])
    return shown.replace("[", "\\[")


def chosen(grounder: str | None, refine: str | None) -> dict[str, Any]:
    """What `--grounder` and `--refine` change of the settings, as `Settings.load` takes it."""
    given = {"grounding": {"model": grounder}, "refinement": {"mode": refine}}
    return {name: section for name, section in given.items() if None not in section.values()}
