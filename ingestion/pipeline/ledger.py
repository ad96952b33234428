"""What ingestion remembers beside the store: runs, dead letters, the ids a run has seen.

The store's payload is the truth about what is embedded; the ledger can be deleted and only its
history is lost.

Laws (tests/ingestion/pipeline/test_ledger.py):
- of two rows with one id the first claims it, however far apart they are, in flat memory;
- a dead letter lives until its item succeeds, is deleted, or leaves a catalogue read to its end;
- a failure again is the same dead letter with one more attempt.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from vlclip.engine.opening.stores import home
from vlclip.engine.settings import StoreSettings
from vlclip.engine.sqlite import open_database, transaction
from vlclip.ingestion.errors import LedgerError
from vlclip.ingestion.reading.entry import Entry

FILE = "ledger.sqlite"
"""Its name beside the vectors."""

Status = Literal["running", "complete", "failed", "interrupted"]
Claim = Literal["first", "repeated", "conflicting"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, fingerprint TEXT NOT NULL,
    started TEXT NOT NULL, finished TEXT, status TEXT NOT NULL,
    read INTEGER DEFAULT 0, embedded INTEGER DEFAULT 0, unchanged INTEGER DEFAULT 0,
    failed INTEGER DEFAULT 0, deleted INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS dead_letters (
    key TEXT PRIMARY KEY, item_id TEXT NOT NULL, source TEXT NOT NULL, row INTEGER NOT NULL,
    stage TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, attempts INTEGER NOT NULL,
    run INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TEMP TABLE seen (run INTEGER, id TEXT, digest TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID;
CREATE TEMP TABLE doomed (run INTEGER, id TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID;
"""
_BURY = """
INSERT INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (key) DO UPDATE SET item_id = excluded.item_id, source = excluded.source,
    row = excluded.row, stage = excluded.stage, reason = excluded.reason, at = excluded.at,
    attempts = attempts + 1, run = excluded.run
"""
_CHUNK = 500


def ledger_path(settings: StoreSettings) -> Path:
    """Beside the vectors of an embedded store; for a server in the working folder, by collection."""
    return home(settings) / FILE


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


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest: times are ISO 8601 in UTC, `finished` is "" while it runs or if it was killed."""

    run: int
    source: str
    fingerprint: str
    started: str
    finished: str
    status: Status
    read: int
    embedded: int
    unchanged: int
    failed: int
    deleted: int


class Ledger:
    """A SQLite file; safe to use from several threads. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            self._sql = open_database(path, _SCHEMA, "temp_store=FILE")

    def start(self, source: str, fingerprint: str) -> int:
        """The number of a new run."""
        with self._transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO runs (source, fingerprint, started, status) VALUES (?, ?, ?, 'running')",
                (source, fingerprint, _now()),
            )
            return int(cursor.lastrowid or 0)

    def finish(self, run: int, status: Status, counts: Mapping[str, int]) -> None:
        """Write down how a run ended and forget the ids it saw."""
        with self._transaction() as sql:
            sql.execute("DELETE FROM seen WHERE run = ?", (run,))
            sql.execute("DELETE FROM doomed WHERE run = ?", (run,))
            sql.execute(
                "UPDATE runs SET finished = :finished, status = :status, read = :read, "
                "embedded = :embedded, unchanged = :unchanged, failed = :failed, deleted = :deleted "
                "WHERE run = :run",
                {**counts, "finished": _now(), "status": status, "run": run},
            )

    def claim(self, run: int, items: Sequence[tuple[str, str]]) -> list[Claim]:
        """For each `(id, digest)` in order: the first of its id, a repetition of it, or in conflict."""
        with self._transaction() as sql:
            known = self._digests(run, [item_id for item_id, _ in items])
            before = len(known)
            claims = judge(known, items)
            fresh = [(run, item_id, digest) for item_id, digest in list(known.items())[before:]]
            sql.executemany("INSERT INTO seen VALUES (?, ?, ?)", fresh)
        return claims

    def unseen(self, run: int, ids: Sequence[str]) -> list[str]:
        """Those of `ids` the run did not claim."""
        with self._transaction():
            known = self._digests(run, ids)
        return [item_id for item_id in ids if item_id not in known]

    def doom(self, run: int, ids: Sequence[str]) -> int:
        """Note ids to delete, on disk; how many were given."""
        with self._transaction() as sql:
            sql.executemany("INSERT INTO doomed VALUES (?, ?)", [(run, item_id) for item_id in ids])
        return len(ids)

    def doomed(self, run: int, limit: int) -> list[str]:
        """Some of the ids noted to delete."""
        with self._transaction() as sql:
            rows = sql.execute("SELECT id FROM doomed WHERE run = ? LIMIT ?", (run, limit)).fetchall()
        return [item_id for (item_id,) in rows]

    def finish_deleting(self, run: int, ids: Sequence[str]) -> None:
        """Forget ids that are deleted now, and their dead letters."""
        with self._transaction() as sql:
            keys = [(run, item_id) for item_id in ids]
            sql.executemany("DELETE FROM doomed WHERE run = ? AND id = ?", keys)
        self.forget(ids)

    def bury(self, run: int, entries: Iterable[Entry]) -> None:
        """Keep failed entries as dead letters."""
        now = _now()
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
            with self._transaction() as sql:
                sql.executemany(_BURY, rows)

    def resolve(self, entries: Iterable[Entry]) -> None:
        """Drop the dead letters of entries that are in the store now, or of the row of a duplicate."""
        with self._transaction() as sql:
            if sql.execute("SELECT 1 FROM dead_letters LIMIT 1").fetchone() is None:
                return
            keys: list[tuple[str]] = []
            for entry in entries:
                keys.append((_row_key(entry),))
                if entry.outcome != "duplicate":  # else the first row of the id speaks for the item
                    keys.append((_id_key(entry.id),))
            sql.executemany("DELETE FROM dead_letters WHERE key = ?", keys)

    def forget(self, ids: Iterable[str]) -> None:
        """Drop the dead letters of items that were deleted."""
        with self._transaction() as sql:
            sql.executemany(
                "DELETE FROM dead_letters WHERE key = ?", [(_id_key(item_id),) for item_id in ids]
            )

    def forget_missing(self, run: int, sources: Sequence[str]) -> None:
        """Drop dead letters of `sources` that a complete run over them did not meet again."""
        with self._transaction() as sql:
            sql.executemany(
                "DELETE FROM dead_letters WHERE source = ? AND run <> ?",
                [(source, run) for source in sources],
            )

    def buried(self, entries: Sequence[Entry]) -> list[bool]:
        """For each entry, whether it or its row is a dead letter."""
        keys = [key for entry in entries for key in (_id_key(entry.id), _row_key(entry))]
        found: set[str] = set()
        with self._transaction() as sql:
            for chunk in _chunks(keys):
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key FROM dead_letters WHERE key IN ({marks})"  # noqa: S608 - only marks
                found.update(key for (key,) in sql.execute(query, chunk))
        return [bool(found & {_id_key(entry.id), _row_key(entry)}) for entry in entries]

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """The latest dead letters, newest first."""
        with self._transaction() as sql:
            rows = sql.execute(
                "SELECT item_id, source, row, stage, reason, at, attempts FROM dead_letters "
                "ORDER BY at DESC, source, row LIMIT ?",
                (limit,),
            ).fetchall()
        return [DeadLetter(*row) for row in rows]

    def count_dead_letters(self) -> int:
        """How many items are waiting for a retry."""
        with self._transaction() as sql:
            return int(sql.execute("SELECT count(*) FROM dead_letters").fetchone()[0])

    def dead_letter_steps(self) -> dict[str, int]:
        """How many items wait for a retry, by the step that refused them."""
        with self._transaction() as sql:
            return dict(sql.execute("SELECT stage, count(*) FROM dead_letters GROUP BY stage").fetchall())

    def reasons(self) -> list[tuple[str, str, int]]:
        """Why items wait for a retry: step, reason and how many, commonest first."""
        with self._transaction() as sql:
            return sql.execute(
                "SELECT stage, reason, count(*) AS n FROM dead_letters GROUP BY stage, reason "
                "ORDER BY n DESC, stage, reason"
            ).fetchall()

    def run_counts(self) -> dict[str, int]:
        """How many runs there were, by how they ended."""
        with self._transaction() as sql:
            return dict(sql.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall())

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, newest first."""
        with self._transaction() as sql:
            rows = sql.execute(
                "SELECT run, source, fingerprint, started, coalesce(finished, ''), status, read, "
                "embedded, unchanged, failed, deleted FROM runs ORDER BY run DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [Run(*row) for row in rows]

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        with self._lock:
            self._sql.close()

    def _digests(self, run: int, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for chunk in _chunks(ids):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT id, digest FROM seen WHERE run = ? AND id IN ({marks})"  # noqa: S608 - only marks
            found.update(self._sql.execute(query, (run, *chunk)))
        return found

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors(), transaction(self._sql) as sql:
            yield sql

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise LedgerError(f"the ledger {self._path} is closed ({error}); open it again") from None
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"the ledger {self._path} cannot be used ({error}); free its disk or, if it is damaged, "
                "delete it: the store is complete without it"
            ) from error


def judge(known: dict[str, str], items: Iterable[tuple[str, str]]) -> list[Claim]:
    """The claims of `(id, digest)` pairs in order; `known` holds the digests so far and grows."""
    claims: list[Claim] = []
    for item_id, digest in items:
        first = known.get(item_id)
        if first is None:
            known[item_id] = digest
            claims.append("first")
        else:
            claims.append("repeated" if first == digest else "conflicting")
    return claims


def _key(entry: Entry) -> str:
    """Dead letters are kept by item; rows without an id, and second rows of one id, by row."""
    of_row = entry.failure is not None and entry.failure.of_row
    return _row_key(entry) if of_row or not entry.id else _id_key(entry.id)


def _whole(text: str) -> str:
    """Text that SQLite takes: half characters, which make an item fail, become question marks."""
    return text.encode(errors="replace").decode()


def _id_key(item_id: str) -> str:
    return f"id:{item_id}"


def _row_key(entry: Entry) -> str:
    return f"row:{entry.row}:{entry.source}"


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
