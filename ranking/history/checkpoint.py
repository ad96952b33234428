"""What was removed, gone from a SQLite file as well: its write-ahead log written back and emptied.

Laws (tests/ranking/history/test_sqlite.py, tests/ranking/experiments/test_exposures.py):
- while somebody reads, and so needs the log, it is an error and not passed over;
- asked again once they are done, nothing is left.
"""

from __future__ import annotations

import sqlite3

from vlclip.ranking.errors import HistoryError

WAIT_MS = 2000
"""How long readers are waited for."""


def empty_log(sql: sqlite3.Connection) -> None:
    """Write the log back and empty it; `HistoryError` where that cannot be done now.

    Deleting overwrites rows in the file only (`secure_delete`); the log still holds the pages from before.
    """
    (patience,) = sql.execute("PRAGMA busy_timeout").fetchone()
    sql.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
    try:
        busy, _, _ = sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        sql.execute(f"PRAGMA busy_timeout = {patience}")
    if busy:
        _, _, file = sql.execute("PRAGMA database_list").fetchone()
        raise HistoryError(
            f"removed from {file}, but traces remain in its log while somebody reads it; ask again when they "
            "are done"
        )
