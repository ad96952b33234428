"""Events in a SQLite file: a store for one machine.

One connection writes, behind a lock. Each thread that reads has a connection of its own, and with a
write-ahead log it waits for no writer. Other processes may use the same file.

Laws: those of `ranking/history/history.py`; and, in tests/ranking/history/test_sqlite.py:
- reading goes on during a write;
- a forgotten unit leaves nothing in the file, or an error says so;
- a file that is damaged, newer or something else is refused and left unchanged.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from vlclip.engine.sqlite import connect, prepare, transaction
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.checkpoint import empty_log
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import horizon
from vlclip.ranking.history.sqlite_statements import (
    ADD,
    ADVICE,
    BATCH,
    COLUMNS,
    EXPIRE,
    MARKS,
    PART,
    RECENT,
    SCHEMA,
    STATE,
    SWEEP_S,
    UNITS,
    VERSION,
    WRITING,
)


class SqliteHistory:
    """Safe to use from several threads and processes. `path` None keeps it in memory.

    With `retention_days` 0, events are kept for ever. `HistoryError` if the file cannot be used.
    """

    def __init__(
        self, path: Path | None, *, retention_days: float = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._retention_days, self._clock = path, retention_days, clock
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._sweep_at = -math.inf
        self._closed = False
        with self._errors():
            self._sql = connect(path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def largest_batch(self) -> int:
        """A transaction costs as much as a hundred events; other writers wait for half a second."""
        return 20_000

    def add(self, events: Sequence[Event]) -> int:
        """Add the events, all or none, in one transaction; the number of new ids."""
        oldest = self._oldest()
        return self._add([_row(event) for event in events if event.time >= oldest])

    def add_batch(self, batch: EventBatch) -> int:
        """The same for many events as columns, without an object for each."""
        oldest = self._oldest()
        rows = zip(
            batch.id, batch.units(), batch.time, batch.kind, batch.item, batch.session, batch.request_id,
            batch.value, strict=True,
        )  # fmt: skip
        return self._add([row for row in rows if row[2] >= oldest])

    def _oldest(self) -> float:
        """The oldest time that is kept; once an hour, what is older is removed."""
        now = self._clock()
        oldest = horizon(self._retention_days, now)
        if oldest > -math.inf and now >= self._sweep_at:
            self._sweep_at = now + SWEEP_S
            self.expire(oldest)
        return oldest

    def _add(self, rows: Sequence[tuple[Any, ...]]) -> int:
        if not rows:
            return 0
        with self._transaction() as sql:
            return sql.executemany(ADD, rows).rowcount

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The `limit` newest events of a unit before the time `before`, newest first."""
        with self._reading() as sql:
            rows = sql.execute(RECENT, (unit, _end(before), max(limit, 0))).fetchall()
        return [_event(*row) for row in rows]

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items with the largest sums of weights by kind. Reads only an index, of that time."""
        total = " + ".join(["0.0", *["? * sum(kind = ?)"] * len(kinds)])
        query = (
            f"SELECT item, {total} AS total FROM events WHERE time >= ? AND time < ? "  # noqa: S608 - only marks
            f"AND kind IN ({','.join('?' * len(kinds))}) "
            "GROUP BY item HAVING total > 0 ORDER BY total DESC, item LIMIT ?"
        )
        weights = [part for kind, weight in kinds.items() for part in (float(weight), kind)]
        with self._reading() as sql:
            rows = sql.execute(query, (*weights, since, _end(before), *kinds, max(limit, 0))).fetchall()
        return dict(rows)

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """Every unit with its events, oldest first, in constant memory."""
        for unit, rows in groupby(self._rows(_end(before)), key=lambda row: str(row[1])):
            yield unit, [_event(*row[:-1]) for row in rows]

    def units(self) -> Iterator[str]:
        """Every unit, in the order of names, from the index alone."""
        last = ""
        while True:
            with self._reading() as sql:
                part = [str(unit) for (unit,) in sql.execute(UNITS, (last, BATCH))]
            yield from part
            if len(part) < BATCH:
                return
            last = part[-1]

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that came of these lists, by request id, oldest first."""
        by_request: dict[str, list[Event]] = {}
        for start in range(0, len(request_ids), MARKS):
            part = request_ids[start : start + MARKS]
            query = (
                f"SELECT {COLUMNS} FROM events WHERE request_id IN ({','.join('?' * len(part))}) "  # noqa: S608 - only marks
                "AND request_id <> '' ORDER BY time, seq"
            )
            with self._reading() as sql:
                rows = sql.execute(query, part).fetchall()
            for event in (_event(*row) for row in rows):
                by_request.setdefault(event.request_id, []).append(event)
        return {request_id: by_request[request_id] for request_id in request_ids if request_id in by_request}

    def forget(self, unit: str) -> int:
        """Remove every event of a unit, from the write-ahead log too; the number of events removed.

        `HistoryError` if others read the file: the events are gone, but traces stay in the log. Try again.
        """
        with self._transaction() as sql:
            removed = sql.execute("DELETE FROM events WHERE unit = ?", (unit,)).rowcount
        with self._lock, self._errors():
            empty_log(self._sql)
        return removed

    def expire(self, before: float) -> int:
        """Remove the events before this time, in parts, so that others can write; the number removed."""
        total = 0
        while True:
            with self._transaction() as sql:
                removed = sql.execute(EXPIRE, (before, BATCH)).rowcount
            total += removed
            if removed < BATCH:
                return total

    def count(self) -> int:
        """The number of events."""
        with self._reading() as sql:
            return int(sql.execute("SELECT count(*) FROM events").fetchone()[0])

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._closed = True
            self._drain()
            self._sql.close()

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
            prepare(self._sql, *WRITING)
        if version < VERSION:
            with self._transaction() as sql:
                for statement in SCHEMA:
                    sql.execute(statement)

    def _rows(self, end: float) -> Iterator[tuple[Any, ...]]:
        unit, moment, seq = "", -math.inf, 0
        while True:
            with self._reading() as sql:
                rows = sql.execute(PART, (unit, moment, seq, end, BATCH)).fetchall()
            yield from rows
            if len(rows) < BATCH:
                return
            _, unit, moment, *_, seq = rows[-1]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
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

    def _drain(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors(), transaction(self._sql) as sql:
            yield sql

    @contextmanager
    def _errors(self) -> Iterator[None]:
        if self._closed:
            raise HistoryError(f"the history {self._path} is closed; open it again")
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            advice = next((text for code, text in ADVICE.items() if name.startswith(code)), "check its disk")
            raise HistoryError(f"the history {self._path} cannot be used ({error}): {advice}") from error
        except OSError as error:
            raise HistoryError(
                f"the history {self._path} cannot be made ({error}); name another file in history.url"
            ) from error
        except UnicodeEncodeError as error:
            raise HistoryError(f"{error.object!r} is not text; send ids in UTF-8") from None


def _end(before: float | None) -> float:
    return math.inf if before is None else before


def _row(event: Event) -> tuple[Any, ...]:
    value = None if event.value is None else float(event.value)
    other_fields = (event.kind, event.item, event.session, event.request_id, value)
    return (event.id, event.unit, float(event.time), *other_fields)


def _event(
    id: str,
    unit: str,
    moment: float,
    kind: Kind,
    item: str,
    session: str,
    request_id: str,
    value: float | None,
) -> Event:
    user = unit.removeprefix("user:") if unit.startswith("user:") else ""
    return Event(
        id=id,
        kind=kind,
        item=item,
        time=moment,
        user=user,
        session=session,
        request_id=request_id,
        value=value,
    )
