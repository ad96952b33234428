"""`vlclip backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from vlclip.service.backup.taking import check_not_in_store, stored_bytes, take_backup
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings

LONG_S = 2.0


@says_what_went_wrong
def backup(
    file: Annotated[
        Path,
        typer.Argument(help="File to write; in a folder that exists, backups share what has not changed."),
    ],
    *,
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Back up a store with its records as of one moment, also while it is served or filled.

    Of a store on a Qdrant server its snapshots are taken, and the records beside it.
    """
    settings = Settings.load(store=store)
    check_not_in_store(file, Path(settings.store))
    with byte_bar("backing up") as bar:
        task = bar.add_task("", total=stored_bytes(settings))
        warnings: list[float] = []

        def waiting(seconds: float) -> None:
            if seconds > LONG_S and not warnings:
                warnings.append(seconds)
                bar.console.print("waits for a process that builds a search graph or writes without a pause")

        latest = take_backup(settings, file, progress=lambda size: bar.advance(task, size), waiting=waiting)
    manifest = latest.manifest
    if json:
        print_json({
            "file": str(latest.place), "created": manifest.created, "items": manifest.items, "bytes":
            latest.size, "bytes_written": latest.written, "writes_waited_s": round(latest.moment_s, 3),
            "seconds": round(latest.seconds, 3), "left_out": list(manifest.left_out),
        })  # fmt: skip
    else:
        items = ", ".join(f"{count:,} items in {name}" for name, count in manifest.items.items())
        out.print(
            f"{latest.place}: {items or 'no items'}, {latest.size / 1e6:,.1f} MB, of which "
            f"{latest.written / 1e6:,.1f} MB were written; writes waited {latest.moment_s:.2f} s",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    for sentence in manifest.left_out:
        err.print(f"not in the backup: {sentence}", markup=False, highlight=False)


def byte_bar(what: str) -> Progress:
    """A progress bar on stderr that counts bytes."""
    return Progress(TextColumn(what), BarColumn(), DownloadColumn(), console=err, transient=True)
