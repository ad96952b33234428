"""The records of a store as of one moment: their files, and their databases while they are written to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from vlclip.engine.disk import full, is_full
from vlclip.engine.opening.stores import home
from vlclip.ranking.experiments.log import exposures_path
from vlclip.ranking.history.opening import history_path
from vlclip.service.access.keys import keys_in_force
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.staging import Staged
from vlclip.service.settings import Settings

HEADER = b"SQLite format 3\0"
WAIT_S = 30.0
"""How long a backup waits for a transaction of somebody else."""


def record_files(settings: Settings) -> dict[str, Path]:
    """The files of the records by their names in a backup, wherever the settings keep them."""
    folder = home(settings)
    files = {
        f"records/{name.as_posix()}": file
        for file in sorted(folder.rglob("*"))
        for name in [file.relative_to(folder)]
        if file.is_file() and not any(part.startswith(".") for part in name.parts)
        and not file.name.endswith(("-wal", "-shm"))
    }  # fmt: skip
    elsewhere = placed_elsewhere(settings).items()
    return files | {name: path for name, path in elsewhere if path.is_file()}


def placed_elsewhere(settings: Settings) -> dict[str, Path]:
    """Records that settings of their own may place outside the store, by their names in a backup."""
    paths = {
        "records/exposures.sqlite": exposures_path(settings),
        "records/keys.json": keys_in_force(settings),
    }
    if "://" not in settings.history.url:
        paths["records/history.sqlite"] = history_path(settings)
    return {name: path for name, path in paths.items() if path is not None}


def add_files(settings: Settings, staged: Staged) -> None:
    """Pack the records that are no databases."""
    for name, file in record_files(settings).items():
        if not _is_database(file):
            staged.add(name, "file", file)


class Database:
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


def stop_databases(settings: Settings, readers: ExitStack) -> list[Database]:
    """Keep the databases from being written, until they are released; `readers` closes them."""
    databases = []
    for name, file in record_files(settings).items():
        if _is_database(file):
            database = readers.enter_context(closing(Database(name, file)))
            databases.append(database)
    return databases


def add_database(database: Database, staged: Staged) -> None:
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
        if is_full(error):  # of the copy
            raise
        if is_full(error, file):
            raise full(file) from error
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
