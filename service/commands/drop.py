"""`vlclip drop`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from vlclip.engine.opening import stores
from vlclip.engine.opening.stores import StoredCollection
from vlclip.service.commands.options import Json, StoreOption
from vlclip.service.reports.terminal import err, out, plain, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def drop(
    fingerprint: Annotated[
        str | None,
        typer.Argument(help="Fingerprint of the collection to delete; without it, all are listed."),
    ] = None,
    *,
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    json: Json = False,
) -> None:
    """List the collections of a store, or delete one that is not the current one.

    Deleting frees the disk and cannot be undone, so the command asks first. With --json it does not ask, and
    deletes only with --yes.
    """
    settings = Settings.load(store=store)
    if fingerprint is None:
        listed = stores.collections(settings.store, settings)
        if json:
            print_json({"collections": [_collection_json(collection) for collection in listed]})
        else:
            out.print(_collection_table(listed))
        return
    collection = stores.droppable(settings.store, settings, fingerprint)
    size = _size_sentence(collection)
    dropped = yes or (not json and typer.confirm(f"Delete {fingerprint} ({size}) for good?", err=True))
    if dropped:
        stores.drop(settings.store, settings, fingerprint)
    if json:
        print_json(_collection_json(collection) | {"dropped": dropped})
    elif dropped:
        out.print(f"deleted {fingerprint}: {size}", markup=False, highlight=False)
    if not dropped:
        err.print("nothing was deleted" + ("; it takes --yes" if json else ""))
        raise typer.Exit(1)


def _collection_json(collection: StoredCollection) -> dict[str, Any]:
    return {
        "fingerprint": collection.fingerprint,
        "encoders": dict(collection.encoders),
        "current": collection.is_current,
        "items": collection.items,
        "disk_bytes": collection.disk_bytes,
    }


def _collection_table(collections: Sequence[StoredCollection]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("collection", "", "encoders"):
        table.add_column(heading, overflow="fold")
    for heading in ("items", "on disk"):
        table.add_column(heading, justify="right")
    for collection in collections:
        table.add_row(
            collection.fingerprint,
            "current" if collection.is_current else "",
            plain(_encoder_names(collection)),
            "in use" if collection.items is None else f"{collection.items:,}",
            "" if collection.disk_bytes is None else _megabytes(collection.disk_bytes),
        )
    return table


def _size_sentence(collection: StoredCollection) -> str:
    disk = "" if collection.disk_bytes is None else f", {_megabytes(collection.disk_bytes)} on disk"
    return f"{collection.items or 0:,} items{disk}, encoded by {_encoder_names(collection)}"


def _encoder_names(collection: StoredCollection) -> str:
    return ", ".join(dict.fromkeys(collection.encoders.values()))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
