"""The ledger's SQLite file: one connection for several threads, errors that say what to do."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from vlclip.engine.disk import full, is_full
from vlclip.engine.sqlite import check, open_database, transaction
from vlclip.ingestion.errors import LedgerError

CHUNK = 500
"""Values of one query."""


class LedgerFile:
    """A SQLite file with the tables of `schema`; `path` None keeps it in memory."""

    def __init__(self, path: Path | None, schema: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            self._sql = open_database(path, schema, "temp_store=FILE")
            check(self._sql, path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; committed at the end, rolled back on an error."""
        with self._lock, self._errors(), transaction(self._sql) as sql:
            yield sql

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._sql.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise LedgerError(f"the ledger {self._path} is closed ({error}); open it again") from None
        except (sqlite3.Error, OSError) as error:
            if is_full(error, self._path):
                raise full(self._path or "the ledger") from error
            raise LedgerError(
                f"the ledger {self._path} cannot be used ({error}); free space on its disk, or "
                "delete it if it is damaged: the store is complete without it"
            ) from error


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The keys in parts that one query takes."""
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


def timestamp() -> str:
    """Now, in ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
