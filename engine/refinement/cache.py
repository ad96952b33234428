"""What the agent made of each item, on disk, so that a run that stopped goes on where it was.

The key holds everything that the outcome depends on: what was sent of the item, the photo's digest,
prompts, model and sampling. Refusals are stored too, because asking again would cost the same and end the
same. Failures of the endpoint are not stored.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vlclip.engine.disk import is_full
from vlclip.engine.errors import RefinementError
from vlclip.engine.sqlite import open_database


@dataclass(frozen=True, slots=True)
class RefinementOutcome:
    """A text that passed every check, or why there is none; and what it cost."""

    text: str
    refusal: str
    rounds: int
    prompt_tokens: int
    completion_tokens: int


_SCHEMA = """
CREATE TABLE IF NOT EXISTS outcomes (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, refusal TEXT NOT NULL, rounds INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""


class RefinementCache:
    """A SQLite file (WAL); safe to use from several threads and processes. None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            self._sql = open_database(path, _SCHEMA)

    def get(self, key: str) -> RefinementOutcome | None:
        """The outcome under a key."""
        with self._lock, self._errors():
            row = self._sql.execute(
                "SELECT text, refusal, rounds, prompt_tokens, completion_tokens FROM outcomes WHERE key = ?",
                (key,),
            ).fetchone()
        return None if row is None else RefinementOutcome(*row)

    def put(self, key: str, outcome: RefinementOutcome) -> None:
        """Keep an outcome; the first of two under one key stays."""
        row = (key, outcome.text, outcome.refusal, outcome.rounds)
        with self._lock, self._errors():
            self._sql.execute(
                "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)",
                (*row, outcome.prompt_tokens, outcome.completion_tokens),
            )

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._sql.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if is_full(error, self._path):
                raise RefinementError(
                    f"the cache {self._path} of refined texts cannot be used: its disk is full; make room, "
                    "or name another file with refinement.cache"
                ) from error
            raise RefinementError(
                f"the cache {self._path} of refined texts cannot be used ({error}); free space on its disk "
                "or name another file with refinement.cache; a damaged one may be deleted"
            ) from error
