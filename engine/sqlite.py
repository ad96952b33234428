"""A SQLite transaction: all of it or nothing, whatever ends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(sql: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Begin at once, commit at the end, roll back on any error, which goes on as it is.

    The connection has to be one without implicit transactions (`isolation_level=None`).
    """
    sql.execute("BEGIN IMMEDIATE")
    try:
        yield sql
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:  # a full disk has ended it already
            sql.execute("ROLLBACK")
        raise
