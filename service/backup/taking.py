"""One moment of an embedded store and its records, whoever serves or fills it.

Files that the engine never changes are packed first. Then the store's gate is closed and each database of
the records is kept from being written: no change is under way in any process. Within that moment the files
that may change are packed, and a reading transaction of each database begins. Then everything goes on, and
the databases are copied as they were at the moment.

The files are those that a killed process would leave, and such a store opens.

Laws (tests/service/backup/test_backup.py):
- a restored store equals the original point for point as of one moment, also under writes;
- a store that nobody has open, one that is served and one that is filled are backed up the same way.

A store on a server is backed up by the server's snapshots, with the records beside them
(tests/service/backup/test_server.py).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from vlclip.engine.disk import full, full_disks, is_full
from vlclip.engine.errors import StoreError, StoreNotFound
from vlclip.engine.opening.stores import home, is_url
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge import seal
from vlclip.engine.store.edge.gate import GATE, TURNSTILE, Gate
from vlclip.engine.store.edge.roll import FILE as ROLL
from vlclip.engine.store.edge.roll import parse
from vlclip.service.backup.archive import Manifest, Sink, now
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.records import add_database, add_files, record_files, stop_databases
from vlclip.service.backup.server import take_server
from vlclip.service.backup.staging import Moment, Staged
from vlclip.service.settings import Settings

NOT_KEPT = frozenset({GATE, TURNSTILE, "open.lock"})


@dataclass(frozen=True, slots=True)
class Backup:
    """What was made: `moment_s` is how long writes waited, `written` the bytes that were not there before."""

    place: Path
    manifest: Manifest
    moment_s: float
    seconds: float
    written: int

    @property
    def size(self) -> int:
        """Bytes of all parcels."""
        return sum({entry.parcel: entry.packed for entry in self.manifest.entries}.values())


def take_backup(
    settings: Settings,
    target: Path,
    *,
    progress: Callable[[int], None] = lambda _: None,
    waiting: Callable[[float], None] = lambda _: None,
) -> Backup:
    """Back a store up to a file, or into a folder. `progress` is called with bytes read.

    Of a server, its snapshots are taken and fetched. Errors: `BackupError`, `DiskFull`, those of the store.
    """
    take = take_server if is_url(settings.store) else _take_folder
    if not is_url(settings.store) and not (Path(settings.store) / folders.STORE_FILE).is_file():
        raise StoreNotFound(f"there is no store at {settings.store}; name its folder with --store")
    began = time.monotonic()
    try:
        with full_disks(target):
            sink = Sink(target)
    except OSError as error:
        raise BackupError(
            f"{target} cannot be written: {error.strerror or error}; name another file"
        ) from None
    try:
        staged = Staged(sink, progress)
        moment = take(settings, staged, waiting)
        manifest = Manifest(
            created=now(), vlclip=version("vlclip"), engine=moment.engine, store=moment.store,
            items=moment.items, entries=tuple(staged.entries.values()),
            left_out=tuple(_left_out(settings)),
        )  # fmt: skip
        place = sink.finish(manifest, staged.parcels)
        return Backup(place, manifest, moment.seconds, time.monotonic() - began, sink.written)
    except (OSError, sqlite3.Error) as error:
        if is_full(error, target):
            raise full(target) from error
        raise BackupError(
            f"the backup {target} cannot be written ({error}); nothing of it was kept"
        ) from error
    finally:
        sink.close()


def _take_folder(settings: Settings, staged: Staged, waiting: Callable[[float], None]) -> Moment:
    store = Path(settings.store)
    _add_lasting(store, staged)
    with ExitStack() as readers:
        with Gate(store).closed(waiting):
            stopped = time.monotonic()
            databases = stop_databases(settings, readers)
            _add_changing(store, staged)
            add_files(settings, staged)
            rolls = {file.parent.name: file.read_bytes() for file in store.glob(f"collection-*/{ROLL}")}
            for database in databases:
                database.release()
            seconds = time.monotonic() - stopped
        items = {name: len(parse(content)[0]) for name, content in sorted(rolls.items())}
        for database in databases:
            add_database(database, staged)
    return Moment(version("qdrant-edge-py"), str(store.absolute()), items, seconds)


def stored_bytes(settings: Settings) -> int:
    """Bytes that a backup reads, about."""
    store = Path(settings.store) if not is_url(settings.store) else home(settings)
    collections = (file for folder in store.glob("collection-*") for file in folder.rglob("*"))
    files = [*collections, *record_files(settings).values()]
    return sum(file.stat().st_size for file in files if file.is_file())


def _add_lasting(store: Path, staged: Staged) -> None:
    """Pack the files that never change, those of earlier backups left out; no write waits for this."""
    before = staged.sink.parcels_before()
    for folder in sorted(store.glob("collection-*")):
        for name, (size, checksum) in seal.read(folder)[0].items():
            file, full_name, sums = folder / name, f"{folder.name}/{name}", (size, checksum)
            if (entry := before.get((full_name, sums))) is not None and file.is_file():
                staged.entries[full_name] = entry
                staged.progress(size)
                continue
            try:
                staged.add(full_name, "store", file, sums)
            except FileNotFoundError:  # a segment that was replaced just now
                continue


def _add_changing(store: Path, staged: Staged) -> None:
    """Pack all other files, and forget those that went meanwhile."""
    present = {store / folders.STORE_FILE}
    for folder in store.glob("collection-*"):
        present |= {file for file in folder.rglob("*") if file.is_file() and file.name not in NOT_KEPT}
    names = {file.relative_to(store).as_posix(): file for file in sorted(present)}
    staged.entries = {name: entry for name, entry in staged.entries.items() if name in names}
    for name, file in names.items():
        if name not in staged.entries:
            staged.add(name, "store", file)


def _left_out(settings: Settings) -> Iterator[str]:
    if "://" in settings.history.url:
        yield "history: it is on the server that history.url names, which has backups of its own"


def check_not_in_store(target: Path, store: Path) -> None:
    """Refuse to write a backup into the store that it is of."""
    if target.absolute().is_relative_to(store.absolute()):
        raise StoreError(
            f"{target} lies in the store itself; name a file on another disk, or beside the store"
        )
