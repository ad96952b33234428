"""A store brought back from a backup, whole or not at all.

Everything is unpacked and compared with its checksums in a hidden folder of the store first. Then its parts
are moved to their places, and last the file that makes a folder a store. A restore that is killed leaves a
folder that is no store, which the same command completes.

Laws (tests/service/backup/test_backup.py, tests/service/test_killed_steps.py):
- a store that is there is replaced only when that is said, and only while nobody has it open;
- whenever it is killed, the store is the former, the restored, or none, never a part of one;
- what a killed one left is removed by whoever opens the store, once it is one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from vlclip.engine.disk import full_disks, sync
from vlclip.engine.errors import StoreLocked
from vlclip.engine.opening.stores import is_url
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge.backend import LOCK
from vlclip.engine.store.edge.room import MB
from vlclip.service.backup.archive import Manifest, Source
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.records import placed_elsewhere
from vlclip.service.backup.server import restore_server
from vlclip.service.backup.unpacking import drafts_of, place_draft, unpack_beside
from vlclip.service.settings import Settings


def restore_backup(
    place: Path,
    settings: Settings,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Bring the store of a backup to the place that the settings name; what the backup says of itself."""
    store = Path(settings.store)
    with closing(Source(place)) as source:
        if is_url(settings.store):
            return restore_server(source, settings, replace=replace, progress=progress)
        if source.manifest.snapshots:
            raise BackupError(
                f"{place} is of a store on a server ({source.manifest.store}); name one: --store http://HOST:PORT"
            )
        elsewhere = _elsewhere(source.manifest, settings)
        _check_empty(store, elsewhere, replace=replace)
        try:
            store.mkdir(parents=True, exist_ok=True)
            with _nobody_else(store), full_disks(store):
                reserve, is_marked = settings.disk_reserve_mb * MB, folders.is_half_restored(store)
                making = unpack_beside(source, store, reserve, progress, is_marked=is_marked)
                _exchange(store, making, elsewhere)
        except OSError as error:
            raise BackupError(
                f"{store} cannot be restored ({error.strerror or error}); mend that and run the same again"
            ) from error
        return source.manifest


def other_engine(manifest: Manifest) -> str:
    """A sentence where another version of the engine wrote the files; else ""."""
    here = version("qdrant-edge-py")
    if manifest.engine == here or manifest.snapshots:
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
        if not folders.is_half_restored(store):
            folders.check_ours(store)
        return
    there = [store] if store.is_dir() and any(store.iterdir()) and not folders.is_half_restored(store) else []
    there += [path for path in elsewhere.values() if path.exists() and not folders.is_half_restored(store)]
    if there:
        raise BackupError(
            f"{there[0]} is there already; restore into a new folder, or replace it with --replace"
        )


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


def _exchange(store: Path, making: Path, elsewhere: dict[str, Path]) -> None:
    """Move the parts to their places; the store is one again with the last of them."""
    replaced = store / folders.REPLACED
    shutil.rmtree(replaced, ignore_errors=True)
    replaced.mkdir()
    drafts = drafts_of(making, elsewhere)
    pointer = store / folders.STORE_FILE
    if pointer.exists():
        pointer.replace(replaced / pointer.name)
        sync(store)
    for old in sorted(store.iterdir()):
        if old.name.startswith("collection-") or old.name == folders.BESIDE:
            old.rename(replaced / old.name)
    for draft, path in drafts.items():
        place_draft(draft, path)
    for part in sorted(making.iterdir()):
        if part.name != folders.STORE_FILE:
            part.rename(store / part.name)
    sync(store)
    if (making / folders.STORE_FILE).exists():
        (making / folders.STORE_FILE).replace(pointer)
    sync(store)
    for folder in (making, replaced):
        shutil.rmtree(folder, ignore_errors=True)  # else whoever opens the store does it
