"""Dead letters: the items that failed, until they succeed or are gone.

Laws (tests/ingestion/ledger/test_dead_letters.py):
- a dead letter lives until its item succeeds, is deleted, or leaves a catalogue that is read to its end;
- an item that fails again keeps its dead letter, with one more attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vlclip.ingestion.ledger.file import LedgerFile, chunks, timestamp
from vlclip.ingestion.reading.entry import Entry

SCHEMA = """
CREATE TABLE IF NOT EXISTS dead_letters (
    key TEXT PRIMARY KEY, item_id TEXT NOT NULL, source TEXT NOT NULL, row INTEGER NOT NULL,
    stage TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, attempts INTEGER NOT NULL,
    run INTEGER NOT NULL
) WITHOUT ROWID;
"""
_BURY = """
INSERT INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (key) DO UPDATE SET item_id = excluded.item_id, source = excluded.source,
    row = excluded.row, stage = excluded.stage, reason = excluded.reason, at = excluded.at,
    attempts = attempts + 1, run = excluded.run
"""
_KEEP = """
INSERT INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (key) DO UPDATE SET source = excluded.source, row = excluded.row, run = excluded.run
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item that failed: where its row is, why, when last and how often. `item_id` may be ""."""

    item_id: str
    source: str
    row: int
    stage: str
    reason: str
    at: str
    attempts: int


class DeadLetters:
    """The dead letters of a ledger's file; safe to use from several threads."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def bury(self, run: int, entries: Iterable[Entry], *, is_attempt: bool = True) -> None:
        """Keep failed entries as dead letters; without an attempt, those that are there stay as they are."""
        now = timestamp()
        rows = [
            (
                *map(_whole, (_key(entry), entry.id, entry.source)),
                entry.row,
                failure.step,
                failure.reason,
                now,
                run,
            )
            for entry in entries
            if (failure := entry.failure) is not None
        ]
        if rows:
            with self._file.transaction() as sql:
                sql.executemany(_BURY if is_attempt else _KEEP, rows)

    def note(self, ids: Iterable[str], source: str, reason: str) -> None:
        """Keep items of which only the ids are known, to be read by `retry_failed` of a run."""
        now = timestamp()
        with self._file.transaction() as sql:
            rows = [(_id_key(item_id), item_id, source, 0, "embed", reason, now, 0) for item_id in ids]
            sql.executemany(_BURY, rows)

    def noted(self, source: str) -> list[str]:
        """The ids that `note` keeps from a source."""
        with self._file.transaction() as sql:
            query = "SELECT item_id FROM dead_letters WHERE source = ? ORDER BY item_id"
            return [item_id for (item_id,) in sql.execute(query, (source,))]

    def resolve(self, entries: Iterable[Entry]) -> None:
        """Drop the dead letters of entries that are in the store now, or of the row of a duplicate."""
        with self._file.transaction() as sql:
            if sql.execute("SELECT 1 FROM dead_letters LIMIT 1").fetchone() is None:
                return
            keys: list[tuple[str]] = []
            for entry in entries:
                keys.append((_row_key(entry),))
                if entry.outcome != "duplicate":  # a duplicate says nothing about its item
                    keys.append((_id_key(entry.id),))
            sql.executemany("DELETE FROM dead_letters WHERE key = ?", keys)

    def forget(self, ids: Iterable[str]) -> None:
        """Drop the dead letters of items that were deleted."""
        with self._file.transaction() as sql:
            sql.executemany(
                "DELETE FROM dead_letters WHERE key = ?", [(_id_key(item_id),) for item_id in ids]
            )

    def forget_missing(self, run: int, sources: Sequence[str]) -> None:
        """Drop dead letters of `sources` that did not fail again in a complete run over them."""
        with self._file.transaction() as sql:
            sql.executemany(
                "DELETE FROM dead_letters WHERE source = ? AND run <> ?",
                [(source, run) for source in sources],
            )

    def contains(self, entries: Sequence[Entry]) -> list[bool]:
        """For each entry, whether it or its row is among the dead letters."""
        keys = [key for entry in entries for key in (_id_key(entry.id), _row_key(entry))]
        present: set[str] = set()
        with self._file.transaction() as sql:
            for chunk in chunks(keys):
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key FROM dead_letters WHERE key IN ({marks})"  # noqa: S608 - only marks
                present.update(key for (key,) in sql.execute(query, chunk))
        return [bool(present & {_id_key(entry.id), _row_key(entry)}) for entry in entries]

    def latest(self, limit: int = 100) -> list[DeadLetter]:
        """The latest dead letters, newest first."""
        with self._file.transaction() as sql:
            rows = sql.execute(
                "SELECT item_id, source, row, stage, reason, at, attempts FROM dead_letters "
                "ORDER BY at DESC, source, row LIMIT ?",
                (limit,),
            ).fetchall()
        return [DeadLetter(*row) for row in rows]

    def count(self) -> int:
        """How many items wait for a retry."""
        with self._file.transaction() as sql:
            return int(sql.execute("SELECT count(*) FROM dead_letters").fetchone()[0])

    def count_by_step(self) -> dict[str, int]:
        """How many items wait for a retry, by the step in which they failed."""
        with self._file.transaction() as sql:
            return dict(sql.execute("SELECT stage, count(*) FROM dead_letters GROUP BY stage").fetchall())

    def count_by_reason(self) -> list[tuple[str, str, int]]:
        """How many items wait for a retry, by step and reason; the most frequent first."""
        with self._file.transaction() as sql:
            return sql.execute(
                "SELECT stage, reason, count(*) AS n FROM dead_letters GROUP BY stage, reason "
                "ORDER BY n DESC, stage, reason"
            ).fetchall()


def _key(entry: Entry) -> str:
    """The key of a dead letter: its item; for a row without an id, or a second row of one id, its row."""
    of_row = entry.failure is not None and entry.failure.of_row
    return _row_key(entry) if of_row or not entry.id else _id_key(entry.id)


def _whole(text: str) -> str:
    """Text that SQLite accepts: half characters, which make an item fail, become question marks."""
    return text.encode(errors="replace").decode()


def _id_key(item_id: str) -> str:
    return f"id:{item_id}"


def _row_key(entry: Entry) -> str:
    return f"row:{entry.row}:{entry.source}"
