"""The command `vlclip`. Heavy libraries are imported by the command that needs them, at its start."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version as installed
from typing import Annotated

import typer
from typer.core import TyperGroup

COMMANDS = {
    "demo": ("service.commands.demo", "demo"),
    "ingest": ("service.commands.ingest", "ingest"),
    "similar": ("service.commands.query", "similar"),
    "search": ("service.commands.query", "search"),
    "recommend": ("service.commands.query", "recommend"),
    "duplicates": ("service.commands.duplicates", "duplicates"),
    "serve": ("service.commands.serve", "serve"),
    "fit-behaviour": ("service.commands.fit_behaviour", "fit"),
    "fit-weights": ("service.commands.fit_weights", "fit_weights"),
    "keys": ("service.commands.keys", "app"),
    "draw": ("service.commands.draw", "draw"),
    "compose": ("service.commands.compose", "compose"),
    "reindex": ("service.commands.reindex", "reindex"),
    "promote": ("service.commands.reindex", "promote_command"),
    "refresh": ("service.commands.refresh", "refresh"),
    "doctor": ("service.commands.doctor", "doctor"),
    "capacity": ("service.commands.capacity", "capacity"),
    "train": ("service.commands.train", "train"),
    "train-grounder": ("service.commands.train_grounder", "train_grounder"),
    "evaluate": ("service.commands.evaluate", "app"),
    "ablate": ("service.commands.ablate", "ablate"),
    "compare": ("service.commands.compare", "compare"),
    "export": ("service.commands.export", "app"),
    "experiment": ("service.commands.experiment", "app"),
    "replay": ("service.commands.replay", "replay_command"),
    "simulate": ("service.commands.simulate", "simulate_command"),
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
