"""A backup unpacked and compared with its checksums, beside what it is to replace."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from vlclip.engine.disk import full_disks, sync
from vlclip.engine.store.edge.folder import RESTORING
from vlclip.engine.store.edge.room import Room
from vlclip.service.backup.archive import Source
from vlclip.service.backup.parcel import unpack

ENTRY_BYTES = 64 * 1024
"""What a file takes on a disk beside its bytes, at most."""


def unpack_beside(
    source: Source, store: Path, reserve: int, progress: Callable[[int], None], *, is_marked: bool
) -> Path:
    """The folder in which everything is unpacked, in the store's; what does not end well leaves nothing.

    `is_marked`: a restore was killed there, and the folder stays, by which that is known.
    """
    making = store / RESTORING
    making.mkdir(exist_ok=True)
    try:
        _empty(making)
        need = sum(entry.packed + ENTRY_BYTES for entry in source.manifest.entries)
        Room(store, reserve).check(need, "restore a backup")
        _unpack(source, making, progress)
    except BaseException:
        _empty(making)
        if not is_marked:
            making.rmdir()
        raise
    return making


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _unpack(source: Source, making: Path, progress: Callable[[int], None]) -> None:
    for entry in source.manifest.entries:
        target = making / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.parcel(entry) as handle:
            unpack(handle, entry, target)
        if entry.kind == "database":
            with closing(sqlite3.connect(target, isolation_level=None)) as sql:
                sql.execute("PRAGMA journal_mode = WAL")
        sync(target)
        progress(entry.size)


def draft_for(path: Path) -> Path:
    """What a record that lies elsewhere is called until it is in its place."""
    return path.with_name(f".{path.name}.restoring")


def drafts_of(making: Path, elsewhere: dict[str, Path]) -> dict[Path, Path]:
    """Records that lie elsewhere, copied beside their places, which may be on a disk without room."""
    drafts: dict[Path, Path] = {}
    try:
        for name, path in elsewhere.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = draft_for(path)
            drafts[draft] = path
            with full_disks(path):
                shutil.move(making / name, draft)
            sync(draft)
    except BaseException:
        for draft in drafts:
            draft.unlink(missing_ok=True)
        raise
    return drafts


def place_draft(draft: Path, path: Path) -> None:
    """Replace a record by its draft, and what belonged to the former one."""
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    draft.replace(path)
    sync(path.parent)
