"""Checks of the records beside the vectors: ledger, events, logged lists, API keys, and the clock."""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from vlclip.engine.disk import is_full
from vlclip.engine.opening.stores import is_url
from vlclip.engine.store.edge.folder import is_half_restored
from vlclip.ingestion.ledger.ledger import Ledger, Run, ledger_path
from vlclip.ranking.experiments.log import exposures_path
from vlclip.ranking.history.clock import leap_warning
from vlclip.ranking.history.events import AHEAD_S
from vlclip.ranking.history.opening import history_path, open_history
from vlclip.service.access.keys import keys_in_force, read_keys
from vlclip.service.backup.records import placed_elsewhere
from vlclip.service.backup.unpacking import draft_for
from vlclip.service.diagnosis.finding import Finding
from vlclip.service.settings import Settings

AHEAD_REMEDY = (
    "send times in seconds since 1970, UTC; those over a day ahead count as the newest until vlclip "
    "history-clock --remove-future removes them"
)
SHOWN_REASONS = 3
"""Commonest reasons of dead letters that are shown."""
SKEW_S = 60.0
"""Seconds that a time may be ahead of now: clocks never agree exactly."""
_OF_ITEM = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[\d/]\S*")
"""What differs between items that fail for one reason: quoted values, numbers, paths and URLs."""


def ledger(settings: Settings) -> Iterator[Finding]:
    """The last run of the pipeline, and what failed in it."""
    path = ledger_path(settings)
    if not path.exists():
        return
    with closing(Ledger(path)) as ledger_file:
        last = next(iter(ledger_file.runs(1)), None)
        reasons = ledger_file.dead_letters.count_by_reason()
    if last is not None:
        yield _last_run(last)
    waiting = sum(count for _, _, count in reasons)
    if not waiting:
        yield Finding("ok", "dead letters", "none")
        return
    shapes: Counter[str] = Counter()
    for step, reason, count in reasons:
        shapes[f"{step}: {_OF_ITEM.sub('…', reason)}"] += count
    commonest = "; ".join(f"{count:,} of {reason}" for reason, count in shapes.most_common(SHOWN_REASONS))
    yield Finding(
        "note", "dead letters",
        f"{waiting:,} items failed ({commonest}); correct them, then vlclip ingest SOURCE --retry-failed",
    )  # fmt: skip


def _last_run(last: Run) -> Finding:
    updated = f"{last.updated:,} updated without encoding, " if last.updated else ""
    says = f"{last.status}, {last.read:,} read, {updated}{last.failed:,} failed, started {last.started}"
    if last.status == "complete":
        return Finding("ok", "last ingest", says)
    if last.status == "running":
        return Finding("ok", "last ingest", says)
    return Finding("note", "last ingest", f"{says}; run it again to continue: vlclip ingest {last.source}")


def events(settings: Settings) -> Iterator[Finding]:
    """The events that are stored."""
    if "://" in settings.history.url:
        with closing(open_history(settings)) as history:
            yield Finding("ok", "events", f"{history.count():,} on the server that history.url names")
            yield from _clock_findings(history.clock_warning)
            if ahead := history.count_after(time.time() + AHEAD_S):
                yield Finding("note", "clock", f"{ahead:,} events are over a day ahead; {AHEAD_REMEDY}")
        return
    yield from _log_findings(history_path(settings), "events", AHEAD_REMEDY)
    yield from _clock_findings(_leap(history_path(settings)))


def _leap(path: Path | None) -> str:
    """What to say of the clock since the last look at it; nothing is written to the file."""
    if path is None or not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as sql:
            row = sql.execute("SELECT trusted FROM clock").fetchone()
    except sqlite3.Error:  # damaged, which is said already, or of an older version
        return ""
    return leap_warning(row[0], time.time()) if row else ""


def _clock_findings(warning: str) -> Iterator[Finding]:
    if warning:
        yield Finding("note", "retention", warning)


def exposures(settings: Settings) -> Iterator[Finding]:
    """The lists that are logged."""
    if not settings.exposures.log:
        yield Finding(
            "note", "exposures", "no list is logged, so arms cannot be judged; set exposures.log to true"
        )
        return
    yield from _log_findings(exposures_path(settings), "exposures", "set the clock of this machine (NTP)")


def _log_findings(path: Path | None, table: Literal["events", "exposures"], remedy: str) -> Iterator[Finding]:
    """How many rows the table has, their size and age, and whether any lie in the future."""
    if path is None or not path.exists():
        return
    now = time.time()
    try:
        # read only, because others may write; the table's name is one of two
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as sql:
            count, first, last = sql.execute(f"SELECT count(*), min(time), max(time) FROM {table}").fetchone()  # noqa: S608
            ahead = sql.execute(f"SELECT count(*) FROM {table} WHERE time > ?", (now + SKEW_S,)).fetchone()[0]  # noqa: S608
    except sqlite3.Error as error:
        if is_full(error, path):
            yield Finding("bad", table, f"{path} cannot be read: its disk is full; make room there")
            return
        yield Finding(
            "bad", table, f"{path} cannot be read ({error}); replace it with a copy, or move it away"
        )
        return
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / 1e6
    span = f", {_day(first)} to {_day(last)}" if count else ""
    yield Finding("ok", table, f"{count:,} in {path}, {size:,.1f} MB{span}")
    if ahead:
        yield Finding(
            "note", "clock", f"{ahead:,} {table} lie in the future, the last on {_day(last)}; {remedy}"
        )


def keys(settings: Settings) -> Iterator[Finding]:
    """Whether requests need an API key."""
    path = keys_in_force(settings)
    count = len(read_keys(path)) if path else 0
    if count:
        yield Finding("ok", "API keys", f"{count}; requests need one")
    else:
        yield Finding(
            "note", "API keys",
            "none: everyone who reaches the service may change the catalogue: safe on 127.0.0.1 only; "
            "vlclip keys add --scope read --scope write",
        )  # fmt: skip


def restored(settings: Settings) -> Iterator[Finding]:
    """What a restore that was killed left beside records that lie elsewhere."""
    if is_url(settings.store) or is_half_restored(Path(settings.store)):  # then it is needed
        return
    for path in placed_elsewhere(settings).values():
        if (left := draft_for(path)).exists():
            yield Finding("note", "restore", f"{left} is left of a restore that was killed; delete it")


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
