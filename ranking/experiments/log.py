"""The log of exposures: a SQLite file with every list that was served.

Laws (tests/ranking/experiments/test_exposures.py):
- a list is read back as it was added; of two lists with the same request id the first stays;
- a batch is added as a whole or not at all; a list that cannot be written raises `BadExposure`;
- `scan` yields lists by time, at equal times in the order they were added, in constant memory, also while
  others are added;
- a forgotten unit has no lists and no trace in the file, or an error says so; forgetting nobody removes
  nothing.

A forgotten unit's lists are removed, not made anonymous. Its events are removed too, and a list without its
clicks would be read as one that nobody clicked.
"""

from __future__ import annotations

import sqlite3
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

import orjson

from vlclip.engine.disk import is_full
from vlclip.engine.opening.stores import home
from vlclip.engine.sqlite import check, is_damage, open_database, transaction
from vlclip.ranking.errors import BadExposure, DamagedHistory, HistoryError
from vlclip.ranking.experiments.exposure import Exposure, Packed, ShownItem
from vlclip.ranking.history.checkpoint import empty_log
from vlclip.ranking.settings import RankingSettings

FILE = "exposures.sqlite"
"""The name of the file beside the vectors."""
BATCH = 500
"""How many lists are read, or deleted, at a time."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exposures (
    row INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, time REAL NOT NULL, kind TEXT NOT NULL,
    unit TEXT NOT NULL, arm TEXT NOT NULL, experiment TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS exposures_time ON exposures (time, row);
CREATE INDEX IF NOT EXISTS exposures_unit ON exposures (unit) WHERE unit <> '';
"""
_ADD = """
INSERT INTO exposures (request_id, time, kind, unit, arm, experiment, body) VALUES {rows}
ON CONFLICT (request_id) DO NOTHING
"""
_ROW = "(?, ?, ?, ?, ?, ?, ?)"
ROWS = 100
"""Lists that one statement adds: between two statements other threads want Python's lock."""
_SCAN = """
SELECT row, request_id, time, kind, unit, arm, experiment, body FROM exposures
WHERE (time, row) > (?1, ?2) AND time < ?3 AND (?4 IS NULL OR experiment = ?4)
ORDER BY time, row LIMIT ?5
"""
_EXPIRE = "DELETE FROM exposures WHERE row IN (SELECT row FROM exposures WHERE time < ? LIMIT ?)"


def exposures_path(settings: RankingSettings) -> Path | None:
    """The file of the log: `exposures.path`, or beside the vectors; None for a log in memory."""
    path = settings.exposures.path
    if (path or settings.store) == ":memory:":
        return None
    return Path(path) if path else home(settings) / FILE


class SqliteExposures:
    """Safe to use from several threads and processes. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            self._sql = open_database(path, _SCHEMA, "secure_delete=ON", "synchronous=FULL")
            check(self._sql, path)

    def add(self, exposures: Sequence[Exposure]) -> int:
        """Add the lists, all or none; the number of new request ids.

        Errors: `HistoryError` if the file cannot be used, `BadExposure` if a list cannot be written.
        """
        rows = [
            (
                exposure.request_id,
                exposure.time,
                exposure.kind,
                exposure.unit,
                exposure.arm,
                exposure.experiment,
                _packed_body(exposure) or _body(exposure),
            )
            for exposure in exposures
        ]
        parts = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
        with self._transaction() as sql:
            return sum(
                sql.execute(_adding(len(part)), [*chain.from_iterable(part)]).rowcount for part in parts
            )

    def scan(
        self, *, since: float | None = None, until: float | None = None, experiment: str | None = None
    ) -> Iterator[list[Exposure]]:
        """The lists from `since` on and before `until`, of one experiment or (None) of all, oldest first."""
        time, row = float("-inf") if since is None else since, -1
        end = float("inf") if until is None else until
        while True:
            with self._lock, self._errors():
                rows = self._sql.execute(_SCAN, (time, row, end, experiment, BATCH)).fetchall()
            if not rows:
                return
            yield [_exposure(*fields) for _, *fields in rows]
            row, _, time = rows[-1][:3]

    def count(self) -> int:
        """The number of lists in the log."""
        with self._lock, self._errors():
            return int(self._sql.execute("SELECT count(*) FROM exposures").fetchone()[0])

    def forget(self, unit: str) -> int:
        """Remove every list shown to a unit, for good; the number of lists removed.

        `HistoryError` if others read the file: the lists are gone, but traces stay in its write-ahead log.
        Try again.
        """
        with self._transaction() as sql:
            removed = sql.execute("DELETE FROM exposures WHERE unit = ? AND unit <> ''", (unit,)).rowcount
        with self._lock, self._errors():
            empty_log(self._sql)
        return removed

    def expire(self, before: float) -> int:
        """Remove the lists before this time; the number of lists removed."""
        total = 0
        while True:
            with self._transaction() as sql:
                removed = sql.execute(_EXPIRE, (before, BATCH)).rowcount
            total += removed
            if removed < BATCH:
                return total

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._sql.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors(), transaction(self._sql) as sql:
            yield sql

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise HistoryError(
                f"the log of exposures {self._path} is closed ({error}); open it again"
            ) from None
        except (sqlite3.IntegrityError, UnicodeEncodeError) as error:
            raise BadExposure(f"the log of exposures cannot hold this ({error}); mend it") from None
        except (sqlite3.Error, OSError) as error:
            if is_full(error, self._path):
                raise HistoryError(
                    f"the log of exposures {self._path} cannot be used: its disk is full; make room there"
                ) from error
            kind = DamagedHistory if is_damage(error) else HistoryError
            raise kind(
                f"the log of exposures {self._path} cannot be used ({error}); free its disk or, if it is "
                "damaged, move it away: lists are served without it, and a new one is begun"
            ) from error


def pack(exposure: Exposure) -> Exposure:
    """The list as one that is logged again and again, with another id and time, without being packed anew."""
    return replace(exposure, packed=Packed(exposure.items, exposure.context, _body(exposure)))


def _packed_body(exposure: Exposure) -> bytes | None:
    packed = exposure.packed
    if packed is None or packed.items is not exposure.items or packed.context is not exposure.context:
        return None
    return packed.body


@cache
def _adding(count: int) -> str:
    return _ADD.format(rows=", ".join([_ROW] * count))


def _body(exposure: Exposure) -> bytes:
    """All that has no column of its own: a line of JSON, then the numbers as float64, exact and small."""
    words: list[object] = [
        [shown_item.item for shown_item in exposure.items],
        [list(item.parts) for item in exposure.items],
        [candidate for candidate, _ in exposure.candidates],
        exposure.offset,
        exposure.context,
    ]
    if any(item.variants for item in exposure.items):
        words.append([item.variants for item in exposure.items])
    numbers = [exposure.temperature, *(score for _, score in exposure.candidates)]
    for item in exposure.items:
        numbers += item.score, item.propensity, *item.parts.values()
    try:
        head, tail = orjson.dumps(words), struct.pack(f"<{len(numbers)}d", *numbers)
    except (TypeError, struct.error, OverflowError) as error:  # orjson's own error is a TypeError
        raise BadExposure(
            f"the list {exposure.request_id!r} cannot be written ({error}); its context must be JSON with "
            "whole numbers of at most 64 bits, and its scores must be numbers"
        ) from None
    return zlib.compress(head + b"\n" + tail, 1)


def _exposure(
    request_id: str, time: float, kind: str, unit: str, arm: str, experiment: str, body: bytes
) -> Exposure:
    head, _, packed = zlib.decompress(body).partition(b"\n")
    items, parts, candidates, offset, context, *further = orjson.loads(head)
    variants = further[0] if further else [()] * len(items)
    numbers = iter([number for (number,) in struct.iter_unpack("<d", packed)])
    return Exposure(
        request_id=request_id,
        time=time,
        kind=kind,  # type: ignore[arg-type]  # written from one
        unit=unit,
        arm=arm,
        experiment=experiment,
        temperature=next(numbers),
        candidates=tuple((item, next(numbers)) for item in candidates),
        items=tuple(
            ShownItem(
                item,
                score=next(numbers),
                propensity=next(numbers),
                parts={name: next(numbers) for name in names},
                variants=tuple(others),
            )
            for item, names, others in zip(items, parts, variants, strict=True)
        ),
        offset=offset,
        context=context,
    )
