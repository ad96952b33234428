"""Events in a SQLite file: a store for one machine.

How the file is opened, read and written is in `sqlite_file.py`.

Laws: those of `ranking/history/history.py`; and, in tests/ranking/history/test_sqlite.py:
- a forgotten unit leaves nothing in the file, or an error says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.clock import KeptByClock, RetentionClock
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import Added
from vlclip.ranking.history.sqlite_file import HistoryFile
from vlclip.ranking.history.sqlite_statements import (
    ADD,
    BATCH,
    COLUMNS,
    COUNT_AFTER,
    EXPIRE,
    LOAD_CLOCK,
    MARKS,
    NEWEST,
    PART,
    RECENT,
    REMOVE_AFTER,
    SAVE_CLOCK,
    SWEEP_S,
    UNITS,
)


class SqliteHistory(KeptByClock):
    """Safe to use from several threads and processes. `path` None keeps it in memory.

    With `retention_days` 0, events are kept for ever. `HistoryError` if the file cannot be used.
    """

    def __init__(
        self, path: Path | None, *, retention_days: float = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._file = HistoryFile(path)
        self._retention = RetentionClock(retention_days, clock, self)
        self._sweep_at = -math.inf

    @property
    def largest_batch(self) -> int:
        """A transaction costs as much as a hundred events; other writers wait for half a second."""
        return 20_000

    def add(self, events: Sequence[Event]) -> int:
        """Add the events, all or none, in one transaction; the number of new ones."""
        return self.add_groups([events])[0].new

    def add_groups(self, groups: Sequence[Sequence[Event]]) -> list[Added]:
        """Add the events of several senders in one transaction, which is on disk once this returns."""
        oldest = self._swept()
        rows = [[_row(event) for event in group if event.time >= oldest] for group in groups]
        new = self._add(rows)
        return [
            Added(new=count, repeated=len(young) - count, old=len(group) - len(young))
            for group, young, count in zip(groups, rows, new, strict=True)
        ]

    def add_batch(self, batch: EventBatch) -> int:
        """The same for many events as columns, without an object for each."""
        oldest = self._swept()
        rows = zip(
            batch.id, batch.units(), batch.time, batch.kind, batch.item, batch.session, batch.request_id,
            batch.value, strict=True,
        )  # fmt: skip
        return self._add([[row for row in rows if row[2] >= oldest]])[0]

    def confirm_clock(self) -> None:
        """Take the machine's clock for right, after a leap."""
        super().confirm_clock()
        self._sweep_at = -math.inf

    def load(self) -> float | None:
        """The time that retention goes by (`clock.Keeping`)."""
        with self._file.reading() as sql:
            row = sql.execute(LOAD_CLOCK).fetchone()
        return float(row[0]) if row else None

    def newest(self, before: float) -> float | None:
        """The time of the newest event that is not after `before`."""
        with self._file.reading() as sql:
            moment: float | None = sql.execute(NEWEST, (before,)).fetchone()[0]
        return moment

    def save(self, trusted: float) -> None:
        """Keep the time that retention goes by."""
        with self._file.transaction() as sql:
            sql.execute(SAVE_CLOCK, (trusted,))

    def _swept(self) -> float:
        """The oldest time that is kept; once an hour, what is older is removed."""
        oldest, now = self._retention.oldest, self._clock()
        if oldest > -math.inf and not self._sweep_at - SWEEP_S <= now < self._sweep_at:
            self._sweep_at = now + SWEEP_S
            self.expire(oldest)
        return oldest

    def _add(self, groups: Sequence[Sequence[tuple[Any, ...]]]) -> list[int]:
        if not any(groups):
            return [0] * len(groups)
        with self._file.transaction() as sql:
            return [sql.executemany(ADD, rows).rowcount if rows else 0 for rows in groups]

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The `limit` newest events of a unit before the time `before`, newest first."""
        with self._file.reading() as sql:
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
        with self._file.reading() as sql:
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
            with self._file.reading() as sql:
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
            with self._file.reading() as sql:
                rows = sql.execute(query, part).fetchall()
            for event in (_event(*row) for row in rows):
                by_request.setdefault(event.request_id, []).append(event)
        return {request_id: by_request[request_id] for request_id in request_ids if request_id in by_request}

    def forget(self, unit: str) -> int:
        """Remove every event of a unit, from the write-ahead log too; the number of events removed.

        `HistoryError` if others read the file: the events are gone, but traces stay in the log. Try again.
        """
        with self._file.transaction() as sql:
            removed = sql.execute("DELETE FROM events WHERE unit = ?", (unit,)).rowcount
        self._file.empty_log()
        return removed

    def expire(self, before: float) -> int:
        """Remove the events before this time, in parts, so that others can write; the number removed."""
        return self._remove(EXPIRE, before)

    def remove_after(self, time: float) -> int:
        """Remove the events after this time, in the same way; the number removed."""
        return self._remove(REMOVE_AFTER, time)

    def _remove(self, statement: str, time: float) -> int:
        total = 0
        while True:
            with self._file.transaction() as sql:
                removed = sql.execute(statement, (time, BATCH)).rowcount
            total += removed
            if removed < BATCH:
                return total

    def count_after(self, time: float) -> int:
        """The number of events after this time."""
        with self._file.reading() as sql:
            return int(sql.execute(COUNT_AFTER, (time,)).fetchone()[0])

    def count(self) -> int:
        """The number of events."""
        with self._file.reading() as sql:
            return int(sql.execute("SELECT count(*) FROM events").fetchone()[0])

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()

    def _rows(self, end: float) -> Iterator[tuple[Any, ...]]:
        unit, moment, seq = "", -math.inf, 0
        while True:
            with self._file.reading() as sql:
                rows = sql.execute(PART, (unit, moment, seq, end, BATCH)).fetchall()
            yield from rows
            if len(rows) < BATCH:
                return
            _, unit, moment, *_, seq = rows[-1]


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
