"""The command `vlclip`. It imports the module of a command when that command is called, not to list it."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any

# plugins of pydantic watch validation; to look for them takes a tenth of a short command
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "demo": "Draw a small catalogue, ingest it and make a few lists; needs no network and ends by itself.",
    "ingest": "Bring a store up to date with a catalogue; unchanged items are left alone.",
    "watch": "Ingest a catalogue again whenever it changes, until stopped; one line a look.",
    "similar": "List items that are similar to an item, each with the parts of its score.",
    "search": "List items that fit words, a photo, or both.",
    "recommend": "List items for a user, from their history; for a new user, the most popular items.",
    "duplicates": "List clusters of items with near-duplicate photos, the largest first; --json lists all.",
    "serve": "Serve lists over HTTP until stopped; /docs and /openapi.json describe the API.",
    "fit-behaviour": "Learn from events which items go together, as a further segment of the vectors.",
    "fit-weights": "Learn which weights foretell clicks, and write them as an arm for an experiment.",
    "draw": "Draw a catalogue: photos, clean and messy titles, prices; the same on every machine.",
    "compose": "Write a harder copy of a catalogue: cluttered photos with known boxes, spoiled titles.",
    "reindex": "Embed a catalogue with another encoder beside the current vectors, then swap the two.",
    "promote": "Make another collection of a store the current one, such as the one before a reindex.",
    "optimize": "Build the search graph over new items, and forget filter fields that no item has any more.",
    "drop": "List the collections of a store, or delete one that is not the current one.",
    "backup": "Back up a store with its records as of one moment, also while it is served or filled.",
    "restore": "Bring back a store from a backup, after all its checksums were compared.",
    "repair": "Make damaged and missing items again from a catalogue; whole ones keep their vectors.",
    "refresh": "Encode again what a patch made stale or another grounder or refiner prepared.",
    "doctor": "Check libraries, machine, model, store, logs and service; status 1 if something is broken.",
    "history-clock": "Say whether retention follows the clock; confirm the clock, or remove future events.",
    "capacity": "Plan memory, disk and nodes for a catalogue, from what an item takes in your store.",
    "train": "Train or fine-tune a CLIP with the contrastive loss; in several processes with torchrun.",
    "export-model": "Write a model as a folder of ONNX graphs and weights that needs no PyTorch.",
    "train-grounder": "Train a small Grounding DINO on scenes composed of a catalogue's own packshots.",
    "ablate": "Measure every combination of photo (full, crop, true box), text (raw, refined) and model.",
    "compare": "Compare the lists of arms for the same requests: items, order, variety, parts of scores.",
    "replay": "Estimate which arm would have earned more, how sure that is, and whether the log can tell.",
    "simulate": "Write a log of simulated shoppers, and the true value of each arm for them.",
    "keys": "API keys; while there are none, everyone who reaches the service may use it.",
    "evaluate": "Judge a store offline.",
    "export": "Write what was logged, or lists of many users, to a file.",
    "import": "Bring in what other systems logged.",
    "experiment": "Compare rankings on real shoppers.",
}
"""Each command with the first line of its docstring (tests/service/test_cli.py compares the two).

The command `fit-weights` is `fit_weights` in `vlclip.service.commands.fit_weights`; a group is `app` there.
"""


SHORT = frozenset({"similar", "search", "recommend"})
"""Commands that make one list and end: too soon to look for garbage, or for threads of NumPy."""


class Commands(TyperGroup):
    """Lists the commands from `COMMANDS` and imports one when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, line in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """As its parent, with the command itself in place of its line in the list."""
        if args[0] in COMMANDS:
            from vlclip.service.reports.terminal import says_what_went_wrong  # noqa: PLC0415 - not for --help

            self.add_command(says_what_went_wrong(load_command)(args[0]))
        return super().resolve_command(ctx, args)


def load_command(name: str) -> Any:
    """A command, or a group of commands, as click holds it."""
    stem = name.replace("-", "_")
    stem += "_" * iskeyword(stem)
    from vlclip.engine.extras import MODELS, needing  # noqa: PLC0415 - not for --help

    with needing(MODELS, f"vlclip {name}"):
        module = import_module(f"vlclip.service.commands.{stem}")
    command: Any
    if isinstance(group := getattr(module, "app", None), typer.Typer):
        command = typer.main.get_group(group)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command()(getattr(module, stem))
        command = typer.main.get_command(alone)
    command.name = name
    return command


def build() -> typer.Typer:
    """The application."""
    app = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Visual recommendations for shops: ingest a catalogue, ask for similar items, search, judge.",
    )
    app.callback()(_options)
    return app


def main() -> None:
    """Entry point of the distribution."""
    short = sys.argv[1:2] != [] and sys.argv[1] in SHORT
    if short:
        gc.disable()
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy, which starts the threads
    try:
        build()(prog_name="vlclip")
    finally:
        if short:
            gc.freeze()  # else all that is imported is searched once more at the end


def _print_version(requested: bool) -> None:  # noqa: FBT001 - typer calls it
    if requested:
        from importlib.metadata import version  # noqa: PLC0415 - a tenth of the time of `vlclip --help`

        typer.echo(f"vlclip {version('vlclip')}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of `vlclip` itself."""
    del version  # its callback has answered
