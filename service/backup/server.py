"""A store on a server: backed up by the server's snapshots and brought back, with the records beside it.

Laws (tests/service/backup/test_server.py):
- collections, the alias of the current one and records are brought back as they were;
- a store that is there is replaced only when that is said; the alias is set last, so a restore that is killed
  leaves the former store's alias or none, and the same command does it again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace as changed
from pathlib import Path

from vlclip.engine.disk import full_disks
from vlclip.engine.errors import StoreNotFound
from vlclip.engine.opening.stores import home, snapshots
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge.room import MB
from vlclip.engine.store.server.snapshots import Snapshots
from vlclip.service.backup.archive import Manifest, Source
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.parcel import Entry
from vlclip.service.backup.records import add_database, add_files, placed_elsewhere, stop_databases
from vlclip.service.backup.staging import Moment, Staged
from vlclip.service.backup.unpacking import drafts_of, place_draft, unpack_beside
from vlclip.service.settings import Settings

SUFFIX = ".snapshot"


def take_server(settings: Settings, staged: Staged, _: Callable[[float], None]) -> Moment:
    """A snapshot of each collection, then the records: writes go on, so their moments differ a little."""
    with snapshots(settings) as server:
        current = server.shelf.current()
        if current is None:
            raise StoreNotFound(f"there is no store at {settings.store}; fill it first: vlclip ingest")
        if (nodes := server.nodes()) > 1:
            raise BackupError(
                f"{settings.store} is a cluster of {nodes} nodes, each with a part of its own: make a "
                "snapshot of each (docs/deploy.md, Backups)"
            )
        items = {}
        for name in server.shelf.names():
            draft = staged.sink.staging / "snapshot"
            server.take(name, draft)
            items[name] = server.shelf.usage(name).items  # about: writes go on
            staged.add(f"{name}{SUFFIX}", "snapshot", draft)
            draft.unlink()
        pointer = staged.sink.staging / "pointer"
        pointer.write_text(json.dumps({"format": folders.FORMAT, "collection": current}), encoding="utf-8")
        staged.add(folders.STORE_FILE, "store", pointer)
        engine = f"qdrant {server.version()}"
    with ExitStack() as readers:
        databases = stop_databases(settings, readers)
        add_files(settings, staged)
        for database in databases:
            database.release()
        for database in databases:
            add_database(database, staged)
    return Moment(engine, settings.store, items, 0.0)


def restore_server(
    source: Source, settings: Settings, *, replace: bool, progress: Callable[[int], None]
) -> Manifest:
    """Bring collections and records of a backup to the server that the settings name."""
    manifest = source.manifest
    if not manifest.snapshots:
        raise BackupError(f"{source.place} is of a store in a folder; name a folder with --store")
    records, elsewhere = home(settings), placed_elsewhere(settings)
    with snapshots(settings) as server:
        is_marked = (records / folders.RESTORING).is_dir()
        if not replace and not is_marked:
            _check_absent(server, manifest, records, elsewhere)
        try:
            records.mkdir(parents=True, exist_ok=True)
            with full_disks(records):
                making = unpack_beside(
                    source, records, settings.disk_reserve_mb * MB, progress, is_marked=is_marked
                )
                notes = _recover(server, manifest, making)
                _place_records(making, records, elsewhere)
                pointer = json.loads((making / folders.STORE_FILE).read_text("utf-8"))
                server.shelf.make_current(pointer["collection"])
                shutil.rmtree(making)
        except OSError as error:
            raise BackupError(
                f"{records} cannot be restored ({error.strerror or error}); mend that and run the same again"
            ) from error
    return changed(manifest, left_out=(*manifest.left_out, *notes))


def _check_absent(
    server: Snapshots, manifest: Manifest, records: Path, elsewhere: Mapping[str, Path]
) -> None:
    names = server.shelf.names()
    there = [f"the collection {_name(entry)}" for entry in manifest.snapshots if _name(entry) in names]
    present = {entry.name for entry in manifest.entries}
    there += [str(path) for name, path in elsewhere.items() if name in present and path.exists()]
    there += [str(path) for path in _visible(records)]
    if there:
        raise BackupError(f"{there[0]} is there already; replace it with --replace")


def _recover(server: Snapshots, manifest: Manifest, making: Path) -> list[str]:
    """Give the snapshots to the server; a sentence where it then has more or fewer items."""
    notes = []
    for entry in manifest.snapshots:
        name = _name(entry)
        items, counted = server.recover(name, making / entry.name), manifest.items.get(name, 0)
        if items != counted:
            notes.append(f"{name} has {items:,} items, {counted:,} were counted as its snapshot was made")
    return notes


def _place_records(making: Path, records: Path, elsewhere: Mapping[str, Path]) -> None:
    """Exchange what lies beside the server for what the backup holds."""
    staged = making / folders.BESIDE
    staged.mkdir(exist_ok=True)
    drafts = drafts_of(making, {name: path for name, path in elsewhere.items() if (making / name).is_file()})
    for path in _visible(records):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in staged.iterdir():
        path.rename(records / path.name)
    for draft, path in drafts.items():
        place_draft(draft, path)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


def _name(entry: Entry) -> str:
    return entry.name.removesuffix(SUFFIX)
