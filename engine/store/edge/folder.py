"""The files in the folder of an embedded store.

    store/vlclip-store.json             which collection is the current one; replaced atomically
    store/collection-1a2b3c4d/          one collection per encoder fingerprint
        vlclip-collection.json          what made the vectors, kinds of the payload fields
        segments/  wal/  …              Qdrant Edge's own
    store/records/                      files of other rooms beside the vectors

Laws (tests/engine/store/test_edge.py):
- a collection appears and disappears as a whole: it is made, and deleted, under another name;
- a process killed at any point leaves a folder that opens, or that the next ingest completes.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlclip.engine.disk import is_full, sync, write_whole
from vlclip.engine.errors import DiskFull, StoreDamaged, StoreError, StoreFull
from vlclip.engine.store.fields import FieldKind
from vlclip.engine.store.store import StoreInfo, info_form, info_from

FORMAT = 1
STORE_FILE = "vlclip-store.json"
COLLECTION_FILE = "vlclip-collection.json"
BUILDING, FORMER = ".repairing", ".before-repair"
"""Folders in the store's: a repaired collection while it is filled, the damaged one until the next repair."""
RESTORING, REPLACED = ".restoring", ".replaced"
"""Folders in the store's, while it is restored: what is unpacked, and the store that was there."""
BESIDE = "records"
"""The subfolder for other rooms' files that belong to a store."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What `vlclip-collection.json` says."""

    info: StoreInfo
    kinds: Mapping[str, FieldKind]

    def write(self, folder: Path) -> None:
        """Replace the file in `folder`."""
        form = {"format": FORMAT, **info_form(self.info), "fields": dict(self.kinds)}
        _write_json(folder / COLLECTION_FILE, form)

    @classmethod
    def read(cls, folder: Path) -> Collection:
        """What the file in `folder` says; `StoreDamaged` if it cannot be understood."""
        form = _read_json(folder / COLLECTION_FILE)
        try:
            return cls(info_from(form), dict(form["fields"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(folder / COLLECTION_FILE, f"it lacks or garbles {error}") from None


def current(store: Path) -> str | None:
    """The name of the current collection; None while there is none yet."""
    name = _named(store)
    if name is None:
        return None
    if not (store / name).is_dir():
        raise _damaged(store / STORE_FILE, f"it names {name}, which is not there")
    return name


def make_current(store: Path, name: str) -> None:
    """Let `store` open the collection `name` from now on; one atomic step."""
    _write_json(store / STORE_FILE, {"format": FORMAT, "collection": name})


def is_half_repaired(store: Path) -> bool:
    """Whether a repair was killed after it had moved the damaged collection away."""
    name = _named(store)
    return name is not None and not (store / name).is_dir() and (store / BUILDING / name).is_dir()


def finish_repair(store: Path) -> None:
    """Put the repaired collection, which is whole, in the place of the damaged one."""
    name = _named(store)
    if name is not None:
        with suppress(FileNotFoundError):  # another process was faster
            (store / BUILDING / name).rename(store / name)
        sync(store)


def is_half_restored(store: Path) -> bool:
    """Whether a restore is under way there or was killed, so that the parts may be of no store."""
    return (store / RESTORING).is_dir() and not (store / STORE_FILE).exists()


def sweep_restored(store: Path) -> None:
    """Remove what a restore left that was killed when the store was whole.

    The caller has a collection open, which keeps others from restoring.
    """
    if (store / STORE_FILE).is_file():
        for left in (RESTORING, REPLACED):
            shutil.rmtree(store / left, ignore_errors=True)


def check_ours(store: Path) -> None:
    """`StoreDamaged` if `store` is neither the folder of a store nor empty nor missing, or half restored."""
    if not store.exists() or (store / STORE_FILE).is_file():
        return
    if is_half_restored(store):
        raise StoreDamaged(
            f"{store} is being restored, or its restore was killed; if none is under way, run the same "
            "`vlclip restore` again, which completes it"
        )
    if not store.is_dir():
        raise StoreDamaged(f"{store} is a file, not the folder of a store; name another with --store")
    if strangers := _strangers(store):
        raise StoreDamaged(
            f"{store} is not a store: it holds {strangers[0]} and no {STORE_FILE}; name the store's own "
            "folder with --store, or an empty one to start a new store"
        )


def create(folder: Path, collection: Collection, build: Callable[[Path], None]) -> None:
    """The folder of a collection, filled by `build`; nothing happens if it is there already."""
    store = folder.parent
    store.mkdir(parents=True, exist_ok=True)
    _sweep(store)
    if folder.is_dir():
        return
    making = _beside(store)
    try:
        making.mkdir()
        build(making)
        collection.write(making)
        sync(making)
        try:
            making.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
        sync(store)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def remove(folder: Path) -> None:
    """Delete the folder of a collection under another name; half a folder would open as an empty store."""
    doomed = folder.rename(_beside(folder.parent))
    shutil.rmtree(doomed)


def disk_bytes(folder: Path) -> int:
    """Bytes that the files of a collection take; the holes in preallocated files do not count."""
    return sum(512 * entry.stat().st_blocks for entry in folder.rglob("*") if entry.is_file())


def check_segments(folder: Path) -> None:
    """`StoreDamaged` if the engine's files of a collection are gone."""
    if not any((folder / "segments").glob("*")):
        raise _damaged(folder / "segments", "it is missing or empty")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors into `StoreError`s."""
    try:
        yield
    except DiskFull as error:
        raise full(folder) from error
    except OSError as error:
        if is_full(error):
            raise full(folder) from error
        raise StoreError(
            f"{folder} cannot be used: {error.strerror or error}; check that it may be read and written here"
        ) from error


def full(folder: Path) -> StoreFull:
    """The error for a disk without room."""
    return StoreFull(
        f"the disk of {folder} is full; what was written before is kept: make room there, or move the folder "
        "to a larger disk, and run the same command again"
    )


def _named(store: Path) -> str | None:
    """The collection that the pointer file names."""
    if not (store / STORE_FILE).is_file():
        return None
    return str(_read_json(store / STORE_FILE).get("collection"))


def _beside(store: Path) -> Path:
    """A name for a folder that is no collection yet, or no longer."""
    return store / f".making-{uuid.uuid4().hex[:8]}"


def _sweep(store: Path) -> None:
    """Remove what killed processes left here, once it is an hour old."""
    for old in store.glob(".making-*"):
        if time.time() - old.stat().st_mtime > 3600:
            shutil.rmtree(old, ignore_errors=True)


def _strangers(store: Path) -> list[str]:
    ours = (".", "collection-", STORE_FILE)
    return sorted(
        entry.name
        for entry in store.iterdir()
        if not entry.name.startswith(ours) and entry.name not in (BESIDE, "lost+found")
    )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        form = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise _damaged(file, "it is missing") from None
    except ValueError as error:
        raise _damaged(file, str(error)) from None
    if not isinstance(form, dict) or form.get("format") != FORMAT:
        raise _damaged(file, f"this version reads format {FORMAT} only")
    return form


def _damaged(file: Path, why: str) -> StoreDamaged:
    return StoreDamaged(
        f"{file} cannot be read ({why}); restore the folder from a copy, or ingest into a new one"
    )


def _write_json(file: Path, form: dict[str, Any]) -> None:
    write_whole(file, json.dumps(form, indent=1, ensure_ascii=False))
    sync(file.parent)
