"""The outcome of each request, written by the load generators: JSON lines, one file per process.

Percentiles are taken from these, not from locust's histograms, which round.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from vlclip.loadtest.session import Ask


@dataclass(frozen=True, slots=True)
class Record:
    """One request: when it was due (seconds since 1970), its time from then on, and its answer.

    `late_ms` of `ms` passed before it was sent, or all of `ms` if it never was. Without an answer,
    `status` is 0 and `error` says why; an answer with wrong content has an `error` too. `event` is the user
    and the id of an accepted event; `probe` is the question that the probe asks again, with the ids of the
    answer.
    """

    endpoint: str
    at: float
    ms: float
    late_ms: float
    status: int
    error: str = ""
    event: tuple[str, str] | None = None
    probe: Mapping[str, Any] | None = None

    @property
    def sent_at(self) -> float:
        """Seconds since 1970."""
        return self.at + self.late_ms / 1000

    @property
    def answered_at(self) -> float:
        """Seconds since 1970."""
        return self.at + self.ms / 1000

    @property
    def is_good(self) -> bool:
        """Whether the request got a correct answer."""
        return not self.error

    @property
    def is_busy(self) -> bool:
        """Whether an overloaded server refused the request."""
        return self.status == 503


class Recorder:
    """Writes the records of this process; the file is its own, also after a fork."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._process, self._file = folder, 0, -1

    def write(self, record: Record) -> None:
        """Append one line, unbuffered."""
        if self._process != os.getpid():
            self._process = os.getpid()
            path = self._folder / f"requests-{self._process}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(self._file, orjson.dumps(asdict(record)) + b"\n")


def read_records(folder: Path) -> list[Record]:
    """All records of a run up to now, in the order in which they were due."""
    records = [
        Record(**form)
        for path in sorted(folder.glob("requests-*.jsonl"))
        for form in read_lines(path)
    ]  # fmt: skip
    return sorted(records, key=lambda record: record.at)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file; a last line that is not complete yet is left out."""
    if not path.is_file():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield orjson.loads(line)


def probe_form(ask: Ask, ids: list[str]) -> dict[str, Any] | None:
    """What the probe needs to know of a request to ask it again."""
    if not ask.is_probed:
        return None
    return {"method": ask.method, "path": ask.path, "body": ask.body.decode(), "ids": ids}


def read_answer(ask: Ask, status: int, body: bytes, failure: str) -> tuple[str, list[str], str]:
    """What is wrong with an answer ("" if nothing is), the ids of its list, and the list's own id."""
    if not status:
        return f"no answer: {failure}", [], ""
    if status not in (200, 202):
        return f"status {status}", [], ""
    if not ask.is_list:
        return "", [], ""
    try:
        form = orjson.loads(body)
        ids = [str(result["id"]) for result in form["results"]]
        return ("" if ids else "an empty list"), ids, str(form["request_id"])
    except (ValueError, TypeError, KeyError):
        return "not a list", [], ""
