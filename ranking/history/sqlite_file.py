"""The SQLite file of a history: one connection that writes, others that read.

One connection writes, behind a lock. Each thread that reads has a connection of its own, and with a
write-ahead log it waits for no writer. Other processes may use the same file.

Laws (tests/ranking/history/test_sqlite.py):
- reading goes on during a write;
- a file that is damaged, newer or something else is refused and left unchanged;
- a file of an older version keeps every event.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlclip.engine.disk import is_full
from vlclip.engine.sqlite import check, connect, is_damage, prepare, transaction
from vlclip.ranking.errors import DamagedHistory, HistoryError
from vlclip.ranking.history.checkpoint import empty_log
from vlclip.ranking.history.sqlite_statements import ADVICE, FROM_1, SCHEMA, STATE, VERSION, WRITING

log = logging.getLogger("vlclip.history")
DISK = "look whether its disk is full or broken"
"""Advice where SQLite does not say more."""


class HistoryFile:
    """An open file, or None for a database in memory; safe to use from several threads.

    `HistoryError` if the file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        with self._errors():
            self._sql = connect(path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._closed = True
            self._drain()
            self._sql.close()

    def empty_log(self) -> None:
        """Empty the write-ahead log; `HistoryError` while others read the file."""
        with self._lock, self._errors():
            empty_log(self._sql)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for the caller alone; a history in memory has one connection for all."""
        if self._path is None:
            with self._lock, self._errors():
                yield self._sql
            return
        with self._errors():
            try:
                sql = self._idle.pop()
            except IndexError:
                sql = connect(self._path)
            try:
                yield sql
            finally:
                self._idle.append(sql)
                if self._closed:
                    self._drain()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes: commit at the end, roll back on any error."""
        with self._lock, self._errors(), transaction(self._sql) as sql:
            yield sql

    def _prepare(self) -> None:
        """Refuse a file that is not a history before anything is written to it; then create the tables."""
        with self._errors():
            version, tables = self._sql.execute(STATE).fetchone()
            if version > VERSION:
                raise HistoryError(
                    f"the history {self._path} was written by a newer vlclip (schema {version}, this one "
                    f"knows {VERSION}); update vlclip, or name another file in history.url"
                )
            if version == 0 and tables:
                raise HistoryError(
                    f"{self._path} is a database of something else; name another file in history.url"
                )
            check(self._sql, self._path)
            prepare(self._sql, *WRITING)
        if version < VERSION:
            with self.transaction() as sql:
                # another process may have done it meanwhile
                (version,) = sql.execute("PRAGMA user_version").fetchone()
                if version == 1:
                    log.warning("the history %s is brought from version 1 to %d", self._path, VERSION)
                for statement in FROM_1 if version == 1 else SCHEMA:
                    sql.execute(statement)

    def _drain(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    @contextmanager
    def _errors(self) -> Iterator[None]:
        if self._closed:
            raise HistoryError(f"the history {self._path} is closed; open it again")
        try:
            yield
        except sqlite3.Error as error:
            no_room = is_full(error, self._path)
            name = "SQLITE_FULL" if no_room else getattr(error, "sqlite_errorname", "")
            says = "database or disk is full" if no_room else error
            advice = next((text for code, text in ADVICE.items() if name.startswith(code)), DISK)
            kind = DamagedHistory if is_damage(error) else HistoryError
            raise kind(f"the history {self._path} cannot be used ({says}): {advice}") from error
        except OSError as error:
            raise HistoryError(
                f"the history {self._path} cannot be made ({error}); name another file in history.url"
            ) from error
        except UnicodeEncodeError as error:
            raise HistoryError(f"{error.object!r} is not text; send ids in UTF-8") from None
