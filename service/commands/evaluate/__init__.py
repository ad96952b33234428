"""`vlclip evaluate`: a store judged offline; one file a command."""

from __future__ import annotations

import typer

from vlclip.service.commands.evaluate import retrieval, search, sessions, similar

app = typer.Typer(no_args_is_help=True, help="Judge a store offline.")
for command in (retrieval.retrieval, similar.similar, search.search, sessions.sessions):
    app.command()(command)
