"""SQLite files, opened and written to in one way by every room.

Errors of SQLite and of the disk go on as they are; each room turns them into its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_S = 30
"""How long a statement waits for another process that writes, in seconds."""
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
"""Of every file that is written: readers wait for no writer, and a killed process loses nothing."""

CHECKED_BYTES = 64 * 2**20
"""Files up to this size are looked through when they are opened; that takes some tenths of a second."""


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection without implicit transactions, for any thread; None is a database in memory.

    Folders on the way to the file are made. Nothing is written to the file yet.
    """
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def prepare(sql: sqlite3.Connection, *pragmas: str) -> None:
    """Set up a connection for writing: `PRAGMAS`, and those its owner needs beside them."""
    for pragma in (*PRAGMAS, *pragmas):
        sql.execute(f"PRAGMA {pragma}")


def open_database(path: Path | None, schema: str, *pragmas: str) -> sqlite3.Connection:
    """A connection that is prepared for writing, with the tables of `schema` made where they are missing."""
    sql = connect(path)
    try:
        prepare(sql, *pragmas)
        sql.executescript(schema)
    except BaseException:
        sql.close()
        raise
    return sql


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says with this error that the file is not as it was written."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def check(sql: sqlite3.Connection, path: Path | None) -> None:
    """Look for damage at once, unless that would take long; `sqlite3.DatabaseError` with SQLite's words."""
    if path is None or path.stat().st_size > CHECKED_BYTES:
        return
    (verdict,) = sql.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(f"database disk image is malformed: {verdict}")
        error.sqlite_errorname = "SQLITE_CORRUPT"
        raise error


@contextmanager
def transaction(sql: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Begin at once, commit at the end, roll back on any error, which goes on as it is.

    The connection has to be one without implicit transactions, as `connect` makes them.
    """
    sql.execute("BEGIN IMMEDIATE")
    try:
        yield sql
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:  # a full disk has ended it already
            sql.execute("ROLLBACK")
        raise
