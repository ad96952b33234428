"""A store brought back from a backup, whole or not at all.

Everything is unpacked and compared with its checksums in a hidden folder of the store first. Then its parts
are moved to their places, and last the file that makes a folder a store. A restore that is killed leaves a
folder that is no store, which the same command completes.

Laws (tests/service/backup/test_backup.py):
- a store that is there is replaced only when that is said, and only while nobody has it open;
- whenever it is killed, the store is the former, the restored, or none, never a part of one.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from vlclip.engine.disk import sync
from vlclip.engine.errors import StoreLocked
from vlclip.engine.opening.stores import is_url
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge.backend import LOCK
from vlclip.service.backup.archive import Manifest, Source
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.parcel import unpack
from vlclip.service.backup.taking import placed_elsewhere
from vlclip.service.settings import Settings

RESTORING, REPLACED = ".restoring", ".replaced"
"""Folders in the store's, while it is restored."""


def restore_backup(
    place: Path,
    settings: Settings,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Bring the store of a backup to the folder that the settings name; what the backup says of itself."""
    if is_url(settings.store):
        raise BackupError(
            f"{settings.store} is a server: let Qdrant recover its snapshot (docs/deploy.md, Backups)"
        )
    store = Path(settings.store)
    with closing(Source(place)) as source:
        elsewhere = _elsewhere(source.manifest, settings)
        _check_empty(store, elsewhere, replace=replace)
        try:
            store.mkdir(parents=True, exist_ok=True)
            with _nobody_else(store):
                making = store / RESTORING
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir()
                _unpack(source, making, progress)
                _exchange(store, making, elsewhere)
        except OSError as error:
            raise BackupError(
                f"{store} cannot be restored ({error.strerror or error}); mend that and run the same again"
            ) from error
        return source.manifest


def other_engine(manifest: Manifest) -> str:
    """A sentence where another version of the engine wrote the files; else ""."""
    here = version("qdrant-edge-py")
    if manifest.engine == here:
        return ""
    return (
        f"the files were written by qdrant-edge-py {manifest.engine}, this is {here}; if the store does not "
        "open, install that version"
    )


def _elsewhere(manifest: Manifest, settings: Settings) -> dict[str, Path]:
    """Records of the backup that the settings keep outside the store."""
    records = Path(settings.store) / folders.BESIDE
    present = {entry.name for entry in manifest.entries}
    return {
        name: path
        for name, path in placed_elsewhere(settings).items()
        if name in present and path.absolute() != (records / Path(name).name).absolute()
    }


def _check_empty(store: Path, elsewhere: dict[str, Path], *, replace: bool) -> None:
    if store.exists() and not store.is_dir():
        raise BackupError(f"{store} is a file; name a folder with --store")
    if replace:
        if not _unfinished(store):
            folders.check_ours(store)
        return
    there = [store] if store.is_dir() and any(store.iterdir()) and not _unfinished(store) else []
    there += [path for path in elsewhere.values() if path.exists() and not _unfinished(store)]
    if there:
        raise BackupError(
            f"{there[0]} is there already; restore into a new folder, or replace it with --replace"
        )


def _unfinished(store: Path) -> bool:
    """Whether a restore was killed there."""
    return (store / RESTORING).is_dir() and not (store / folders.STORE_FILE).exists()


@contextmanager
def _nobody_else(store: Path) -> Iterator[None]:
    """Refuse with `StoreLocked` while a process has a collection open."""
    with ExitStack() as stack:
        for folder in sorted(store.glob("collection-*")):
            try:
                stack.enter_context(FileLock(folder / LOCK, blocking=False))
            except Timeout:
                raise StoreLocked(
                    f"the store {store} is open in another process; stop that one first"
                ) from None
        yield


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


def _exchange(store: Path, making: Path, elsewhere: dict[str, Path]) -> None:
    """Move the parts to their places; the store is one again with the last of them."""
    replaced = store / REPLACED
    shutil.rmtree(replaced, ignore_errors=True)
    replaced.mkdir()
    pointer = store / folders.STORE_FILE
    if pointer.exists():
        pointer.replace(replaced / pointer.name)
        sync(store)
    for old in sorted(store.iterdir()):
        if old.name.startswith("collection-") or old.name == folders.BESIDE:
            old.rename(replaced / old.name)
    for name, path in elsewhere.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.restoring")
        shutil.move(making / name, draft)
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        draft.replace(path)
        sync(path.parent)
    for part in sorted(making.iterdir()):
        if part.name != folders.STORE_FILE:
            part.rename(store / part.name)
    sync(store)
    if (making / folders.STORE_FILE).exists():
        (making / folders.STORE_FILE).replace(pointer)
    sync(store)
    shutil.rmtree(making)
    shutil.rmtree(replaced)
