"""One moment of an embedded store and its records, whoever serves or fills it.

Files that the engine never changes are packed first. Then the store's gate is closed and each database of
the records is kept from being written: no change is under way in any process. Within that moment the files
that may change are packed, and a reading transaction of each database begins. Then everything goes on, and
the databases are copied as they were at the moment.

The files are those that a killed process would leave, and such a store opens.

Laws (tests/service/backup/test_backup.py):
- a restored store equals the original point for point as of one moment, also under writes;
- a store that nobody has open, one that is served and one that is filled are backed up the same way.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from vlclip.engine.errors import StoreError, StoreNotFound
from vlclip.engine.opening.stores import home, is_url
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge import seal
from vlclip.engine.store.edge.gate import GATE, TURNSTILE, Gate
from vlclip.engine.store.edge.roll import FILE as ROLL
from vlclip.engine.store.edge.roll import parse
from vlclip.ranking.experiments.log import exposures_path
from vlclip.ranking.history.opening import history_path
from vlclip.service.access.keys import keys_path
from vlclip.service.backup.archive import Manifest, Sink, now
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.parcel import Entry, Kind, pack
from vlclip.service.settings import Settings

HEADER = b"SQLite format 3\0"
WAIT_S = 30.0
"""How long a backup waits for a transaction of somebody else."""
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


@dataclass
class _Staged:
    """Parcels that wait to become a backup."""

    sink: Sink
    progress: Callable[[int], None]
    entries: dict[str, Entry] = field(default_factory=dict)
    parcels: dict[str, Path] = field(default_factory=dict)
    count: int = 0

    def add(self, name: str, kind: Kind, file: Path, sums: tuple[int, int] | None = None) -> None:
        self.count += 1
        draft = self.sink.staging / f"parcel-{self.count}"
        size, digest, packed = pack(file, draft)
        self.entries[name] = Entry(name, kind, size, digest, packed, sums)
        self.parcels[digest] = draft
        self.progress(size)


def take_backup(
    settings: Settings,
    target: Path,
    *,
    progress: Callable[[int], None] = lambda _: None,
    waiting: Callable[[float], None] = lambda _: None,
) -> Backup:
    """Back an embedded store up to a file, or into a folder. `progress` is called with bytes read."""
    if is_url(settings.store):
        raise BackupError(
            f"{settings.store} is a server: let Qdrant make a snapshot, and copy the records beside it "
            "(docs/deploy.md, Backups)"
        )
    store = Path(settings.store)
    if not (store / folders.STORE_FILE).is_file():
        raise StoreNotFound(f"there is no store at {store}; name its folder with --store")
    began = time.monotonic()
    try:
        sink = Sink(target)
    except OSError as error:
        raise BackupError(
            f"{target} cannot be written: {error.strerror or error}; name another file"
        ) from None
    try:
        staged = _Staged(sink, progress)
        _add_lasting(store, staged)
        with ExitStack() as readers:
            with Gate(store).closed(waiting):
                stopped = time.monotonic()
                databases = _stop_databases(settings, readers)
                _add_changing(store, staged)
                _add_files(settings, staged)
                rolls = {file.parent.name: file.read_bytes() for file in store.glob(f"collection-*/{ROLL}")}
                for database in databases:
                    database.release()
                moment_s = time.monotonic() - stopped
            items = {name: len(parse(content)[0]) for name, content in sorted(rolls.items())}
            for database in databases:
                _add_database(database, staged)
        manifest = Manifest(
            created=now(), vlclip=version("vlclip"), engine=version("qdrant-edge-py"),
            store=str(store.absolute()), items=items, entries=tuple(staged.entries.values()),
            left_out=tuple(_left_out(settings)),
        )  # fmt: skip
        place = sink.finish(manifest, staged.parcels)
        return Backup(place, manifest, moment_s, time.monotonic() - began, sink.written)
    except OSError as error:
        raise BackupError(
            f"the backup {target} cannot be written ({error.strerror or error}); nothing of it was kept"
        ) from error
    finally:
        sink.close()


def stored_bytes(settings: Settings) -> int:
    """Bytes that a backup reads, about."""
    store = Path(settings.store)
    collections = (file for folder in store.glob("collection-*") for file in folder.rglob("*"))
    files = [*collections, *record_files(settings).values()]
    return sum(file.stat().st_size for file in files if file.is_file())


def record_files(settings: Settings) -> dict[str, Path]:
    """The files of the records by their names in a backup, wherever the settings keep them."""
    folder = home(settings)
    files = {
        f"records/{file.relative_to(folder).as_posix()}": file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(".") and not file.name.endswith(("-wal", "-shm"))
    }
    elsewhere = placed_elsewhere(settings).items()
    return files | {name: path for name, path in elsewhere if path.is_file()}


def placed_elsewhere(settings: Settings) -> dict[str, Path]:
    """Records that settings of their own may place outside the store, by their names in a backup."""
    paths = {
        "records/exposures.sqlite": exposures_path(settings),
        "records/keys.json": keys_path(settings),
    }
    if "://" not in settings.history.url:
        paths["records/history.sqlite"] = history_path(settings)
    return {name: path for name, path in paths.items() if path is not None}


def _add_lasting(store: Path, staged: _Staged) -> None:
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


def _add_changing(store: Path, staged: _Staged) -> None:
    """Pack all other files, and forget those that went meanwhile."""
    present = {store / folders.STORE_FILE}
    for folder in store.glob("collection-*"):
        present |= {file for file in folder.rglob("*") if file.is_file() and file.name not in NOT_KEPT}
    names = {file.relative_to(store).as_posix(): file for file in sorted(present)}
    staged.entries = {name: entry for name, entry in staged.entries.items() if name in names}
    for name, file in names.items():
        if name not in staged.entries:
            staged.add(name, "store", file)


def _add_files(settings: Settings, staged: _Staged) -> None:
    for name, file in record_files(settings).items():
        if not _is_database(file):
            staged.add(name, "file", file)


class _Database:
    """A SQLite file of the records: kept from being written, then read as of that moment."""

    def __init__(self, name: str, file: Path) -> None:
        self.name, self.file = name, file
        with _sqlite_errors(file):
            self._writing = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None)
            self.reading = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None)
            self._writing.execute("BEGIN IMMEDIATE")
            self.reading.execute("BEGIN")
            self.reading.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def release(self) -> None:
        """Let others write again."""
        with _sqlite_errors(self.file):
            self._writing.execute("ROLLBACK")
            self._writing.close()

    def close(self) -> None:
        """End the reading, too."""
        self._writing.close()
        self.reading.close()


def _stop_databases(settings: Settings, readers: ExitStack) -> list[_Database]:
    databases = []
    for name, file in record_files(settings).items():
        if _is_database(file):
            database = readers.enter_context(closing(_Database(name, file)))
            databases.append(database)
    return databases


def _add_database(database: _Database, staged: _Staged) -> None:
    """Copy it as of the moment, whole or not at all."""
    copy = staged.sink.staging / "database"
    with _sqlite_errors(database.file), closing(sqlite3.connect(copy, isolation_level=None)) as sql:
        database.reading.backup(sql)
        sql.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = sql.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    staged.add(database.name, "database", copy)
    copy.unlink()


@contextmanager
def _sqlite_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            advice = "somebody writes to it all the time; try again"
        else:
            advice = "mend it, or move it away (a new one is begun), then back up again"
        raise BackupError(f"{file} cannot be backed up ({error}): {advice}") from None


def _is_database(file: Path) -> bool:
    if file.suffix == ".sqlite":
        return True
    with file.open("rb") as handle:
        return handle.read(len(HEADER)) == HEADER


def _left_out(settings: Settings) -> Iterator[str]:
    if "://" in settings.history.url:
        yield "history: it is on the server that history.url names, which has backups of its own"


def check_not_in_store(target: Path, store: Path) -> None:
    """Refuse to write a backup into the store that it is of."""
    if target.absolute().is_relative_to(store.absolute()):
        raise StoreError(
            f"{target} lies in the store itself; name a file on another disk, or beside the store"
        )
