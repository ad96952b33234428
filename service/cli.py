"""The command `vlclip`. Heavy libraries are imported by the command that needs them, at its start."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version as installed
from typing import Annotated

import typer
from typer.core import TyperGroup

COMMANDS = {
    "demo": ("vlclip.service.commands.demo", "demo"),
    "ingest": ("vlclip.service.commands.ingest", "ingest"),
    "similar": ("vlclip.service.commands.query", "similar"),
    "search": ("vlclip.service.commands.query", "search"),
    "recommend": ("vlclip.service.commands.query", "recommend"),
    "duplicates": ("vlclip.service.commands.duplicates", "duplicates"),
    "serve": ("vlclip.service.commands.serve", "serve"),
    "fit-behaviour": ("vlclip.service.commands.fit_behaviour", "fit"),
    "fit-weights": ("vlclip.service.commands.fit_weights", "fit_weights"),
    "keys": ("vlclip.service.commands.keys", "app"),
    "draw": ("vlclip.service.commands.draw", "draw"),
    "compose": ("vlclip.service.commands.compose", "compose"),
    "reindex": ("vlclip.service.commands.reindex", "reindex"),
    "promote": ("vlclip.service.commands.reindex", "promote_command"),
    "refresh": ("vlclip.service.commands.refresh", "refresh"),
    "doctor": ("vlclip.service.commands.doctor", "doctor"),
    "capacity": ("vlclip.service.commands.capacity", "capacity"),
    "train": ("vlclip.service.commands.train", "train"),
    "train-grounder": ("vlclip.service.commands.train_grounder", "train_grounder"),
    "evaluate": ("vlclip.service.commands.evaluate", "app"),
    "ablate": ("vlclip.service.commands.ablate", "ablate"),
    "compare": ("vlclip.service.commands.compare", "compare"),
    "export": ("vlclip.service.commands.export", "app"),
    "experiment": ("vlclip.service.commands.experiment", "app"),
    "replay": ("vlclip.service.commands.replay", "replay_command"),
    "simulate": ("vlclip.service.commands.simulate", "simulate_command"),
}
"""Command to the module and name that hold it."""


def main() -> None:
    """Entry point of the distribution."""
    build(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name="vlclip")


def build(only: str | None = None) -> typer.Typer:
    """The application with all commands, or, for a fast start, with the one that was asked for."""
    app = typer.Typer(
        cls=TyperGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Visual recommendations for shops: ingest a catalogue, ask for similar items, search, judge.",
    )
    app.callback()(_options)
    for name, (module, attribute) in COMMANDS.items():
        if only in COMMANDS and name != only:
            continue
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        typer.echo(f"vlclip {installed('vlclip')}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options of `vlclip` itself."""
    del version  # its callback has answered
