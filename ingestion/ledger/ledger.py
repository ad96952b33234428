"""What ingestion remembers beside the store: runs, the ids each run has claimed, dead letters.

The store's payload is the truth about what is embedded; the ledger can be deleted and only its
history is lost.

Laws (tests/ingestion/ledger/test_ledger.py):
- of two rows with one id the first claims it, however far apart they are, in flat memory;
- a run whose process was killed counts as interrupted.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vlclip.engine.opening.stores import home
from vlclip.engine.settings import StoreSettings
from vlclip.ingestion.ledger.dead_letters import SCHEMA as DEAD_LETTERS
from vlclip.ingestion.ledger.dead_letters import DeadLetters
from vlclip.ingestion.ledger.file import LedgerFile, chunks, timestamp
from vlclip.ingestion.ledger.running import RunningRuns

FILE = "ledger.sqlite"
"""Its name beside the vectors."""

MOST_FOLDERS = 20
"""Catalogues whose folders are told."""

Status = Literal["running", "complete", "failed", "interrupted"]
ClaimResult = Literal["first", "repeated", "conflicting"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, fingerprint TEXT NOT NULL,
    started TEXT NOT NULL, finished TEXT, status TEXT NOT NULL,
    read INTEGER DEFAULT 0, embedded INTEGER DEFAULT 0, unchanged INTEGER DEFAULT 0,
    failed INTEGER DEFAULT 0, deleted INTEGER DEFAULT 0, updated INTEGER DEFAULT 0
);
CREATE TEMP TABLE seen (run INTEGER, id TEXT, digest TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID;
CREATE TEMP TABLE doomed (run INTEGER, id TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID;
"""


def ledger_path(settings: StoreSettings) -> Path:
    """Beside the vectors of an embedded store; for a server in the working folder, by collection."""
    return home(settings) / FILE


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
    updated: int


class Ledger:
    """A SQLite file; safe to use from several threads. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._file = LedgerFile(path, _SCHEMA + DEAD_LETTERS)
        with self._file.transaction() as sql:  # older ledgers lack it
            if "updated" not in {name for _, name, *_ in sql.execute("PRAGMA table_info(runs)")}:
                sql.execute("ALTER TABLE runs ADD COLUMN updated INTEGER DEFAULT 0")
        self.dead_letters = DeadLetters(self._file)
        self._running = RunningRuns(path)

    def start(self, source: str, fingerprint: str) -> int:
        """The number of a new run."""
        with self._file.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO runs (source, fingerprint, started, status) VALUES (?, ?, ?, 'running')",
                (source, fingerprint, timestamp()),
            )
            run = int(cursor.lastrowid or 0)
            self._running.begin(run)
        return run

    def finish(self, run: int, status: Status, counts: Mapping[str, int]) -> None:
        """Record how a run ended and forget the ids it claimed."""
        with self._file.transaction() as sql:
            sql.execute("DELETE FROM seen WHERE run = ?", (run,))
            sql.execute("DELETE FROM doomed WHERE run = ?", (run,))
            sql.execute(
                "UPDATE runs SET finished = :finished, status = :status, read = :read, "
                "embedded = :embedded, unchanged = :unchanged, failed = :failed, deleted = :deleted, "
                "updated = :updated WHERE run = :run",
                {**counts, "finished": timestamp(), "status": status, "run": run},
            )
        self._running.end(run)

    def claim(self, run: int, items: Sequence[tuple[str, str]]) -> list[ClaimResult]:
        """For each `(id, digest)` in order: the first of its id, a repetition of it, or in conflict."""
        with self._file.transaction() as sql:
            digests = self._digests(sql, run, [item_id for item_id, _ in items])
            count = len(digests)
            claims = judge_claims(digests, items)
            fresh = [(run, item_id, digest) for item_id, digest in list(digests.items())[count:]]
            sql.executemany("INSERT INTO seen VALUES (?, ?, ?)", fresh)
        return claims

    def unclaimed(self, run: int, ids: Sequence[str]) -> list[str]:
        """Those of `ids` the run did not claim."""
        with self._file.transaction() as sql:
            digests = self._digests(sql, run, ids)
        return [item_id for item_id in ids if item_id not in digests]

    def plan_deletion(self, run: int, ids: Sequence[str]) -> int:
        """Note ids to delete, on disk; how many there are."""
        with self._file.transaction() as sql:
            sql.executemany("INSERT INTO doomed VALUES (?, ?)", [(run, item_id) for item_id in ids])
        return len(ids)

    def planned_deletions(self, run: int, limit: int) -> list[str]:
        """Some of the ids that are to be deleted."""
        with self._file.transaction() as sql:
            rows = sql.execute("SELECT id FROM doomed WHERE run = ? LIMIT ?", (run, limit)).fetchall()
        return [item_id for (item_id,) in rows]

    def finish_deletion(self, run: int, ids: Sequence[str]) -> None:
        """Forget ids that are deleted now, and their dead letters."""
        with self._file.transaction() as sql:
            keys = [(run, item_id) for item_id in ids]
            sql.executemany("DELETE FROM doomed WHERE run = ? AND id = ?", keys)
        self.dead_letters.forget(ids)

    def count_runs(self) -> dict[str, int]:
        """How many runs there were, by how they ended."""
        with self._file.transaction() as sql:
            rows = sql.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall()
            noted = [run for (run,) in sql.execute("SELECT run FROM runs WHERE status = 'running'")]
        killed = sum(not self._running.is_running(run) for run in noted)
        return dict(Counter(dict(rows)) - Counter(running=killed) + Counter(interrupted=killed))

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, newest first."""
        with self._file.transaction() as sql:
            rows = sql.execute(
                "SELECT run, source, fingerprint, started, coalesce(finished, ''), status, read, "
                "embedded, unchanged, failed, deleted, updated FROM runs ORDER BY run DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [self._judged(Run(*row)) for row in rows]

    def folders(self) -> list[Path]:
        """The folders of the catalogues that were ingested and are still there, the latest first.

        Runs of versions that noted relative paths are left out, for from where these start is not known; and
        so is the root of a disk, whose files are not a catalogue's.
        """
        with self._file.transaction() as sql:
            rows = sql.execute(
                "SELECT source, max(run) AS latest FROM runs GROUP BY source ORDER BY latest DESC LIMIT ?",
                (MOST_FOLDERS,),
            ).fetchall()
        sources = [Path(source) for source, _ in rows]
        folders = [source if source.is_dir() else source.parent for source in sources if source.is_absolute()]
        return [
            folder for folder in dict.fromkeys(folders) if folder.is_dir() and folder != Path(folder.anchor)
        ]

    def close(self) -> None:
        """Close the file; safe to call twice. Runs that were not ended count as interrupted."""
        self._running.close()
        self._file.close()

    def _judged(self, run: Run) -> Run:
        """The run, interrupted if its process is there no more."""
        if run.status == "running" and not self._running.is_running(run.run):
            return replace(run, status="interrupted")
        return run

    def _digests(self, sql: sqlite3.Connection, run: int, ids: Sequence[str]) -> dict[str, str]:
        digests: dict[str, str] = {}
        for chunk in chunks(ids):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT id, digest FROM seen WHERE run = ? AND id IN ({marks})"  # noqa: S608 - only marks
            digests.update(sql.execute(query, (run, *chunk)))
        return digests


def judge_claims(digests: dict[str, str], items: Iterable[tuple[str, str]]) -> list[ClaimResult]:
    """The claims of `(id, digest)` pairs in order; `digests` holds those of earlier pairs and grows."""
    claims: list[ClaimResult] = []
    for item_id, digest in items:
        first = digests.get(item_id)
        if first is None:
            digests[item_id] = digest
            claims.append("first")
        else:
            claims.append("repeated" if first == digest else "conflicting")
    return claims
