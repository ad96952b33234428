"""Empties the write-ahead log of a SQLite file, so that removed rows leave no trace in it.

Laws (tests/ranking/history/test_sqlite.py, tests/ranking/experiments/test_exposures.py):
- while a reader needs the log, it raises an error;
- once the readers are done, a second call leaves no trace.
"""

from __future__ import annotations

import sqlite3

from vlclip.ranking.errors import HistoryError

WAIT_MS = 2000
"""How long it waits for readers."""


def empty_log(sql: sqlite3.Connection) -> None:
    """Write the log back and empty it; `HistoryError` if a reader needs it.

    Deleting overwrites rows only in the file (`secure_delete`); the log still holds the former pages.
    """
    (timeout_ms,) = sql.execute("PRAGMA busy_timeout").fetchone()
    sql.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
    try:
        busy, _, _ = sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        sql.execute(f"PRAGMA busy_timeout = {timeout_ms}")
    if busy:
        _, _, file = sql.execute("PRAGMA database_list").fetchone()
        raise HistoryError(
            f"removed from {file}, but traces remain in its log while somebody reads it; ask again when they "
            "are done"
        )
