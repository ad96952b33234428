"""`vlclip restore`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from vlclip.service.backup.archive import Source
from vlclip.service.backup.restoring import other_engine, restore_backup
from vlclip.service.commands.backup import byte_bar
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def restore(
    file: Annotated[
        Path,
        typer.Argument(help="What vlclip backup wrote; of a folder the latest backup, or one by its name."),
    ],
    *,
    store: StoreOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a store that is there.")] = False,
    json: Json = False,
) -> None:
    """Bring back a store from a backup, after all its checksums were compared."""
    settings = Settings.load(store=store)
    with closing(Source(file)) as source:
        total = sum(entry.size for entry in source.manifest.entries)
    with byte_bar("restoring") as bar:
        task = bar.add_task("", total=total)
        manifest = restore_backup(
            file, settings, replace=replace, progress=lambda size: bar.advance(task, size)
        )
    if json:
        print_json({
            "store": settings.store, "created": manifest.created, "items": manifest.items,
            "left_out": list(manifest.left_out),
        })  # fmt: skip
    else:
        items = ", ".join(f"{count:,} items in {name}" for name, count in manifest.items.items())
        out.print(
            f"{settings.store} is as of {manifest.created}: {items or 'no items'}", markup=False,
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    for sentence in (*manifest.left_out, *filter(None, [other_engine(manifest)])):
        err.print(f"note: {sentence}", markup=False, highlight=False)
