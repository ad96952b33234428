"""Files of events brought into a history, in batches.

Laws (tests/ranking/history/intake/test_importing.py):
- a file that is imported again, or goes on after an interruption, adds nothing twice;
- rows are events that were new, events that were there, or counted with the reason;
- events older than the retention are counted, and not kept.
"""

from __future__ import annotations

import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from vlclip.engine.tables.block import Portion, RowBlock
from vlclip.engine.tables.format import Row
from vlclip.ranking.errors import BadTable
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.clock import moment
from vlclip.ranking.history.event_kinds import check_kind
from vlclip.ranking.history.history import BulkHistory
from vlclip.ranking.history.intake.preset import AUTO, choose_preset, plain_name
from vlclip.ranking.history.intake.reader import EventReader, first_of
from vlclip.ranking.history.intake.shape import FIELDS, Shape, choose_shape
from vlclip.ranking.tables.columns import TIME, parse_mapping
from vlclip.ranking.tables.table import Skip, Table, open_tables
from vlclip.ranking.tables.times import ABSENT, NAMES, TEXT, TimeForm, TimeTally

ROWS = 2000
"""Rows that are read together: so many stay in the processor's cache."""
NOTED = 5
"""Kinds of rows that cannot be read of which the first is noted, by file."""
Progress = Callable[[str, int, float], None]
"""Takes the step, how many rows it has read, and what share of the bytes of all files."""
LEAST_SHARE = 0.9
"""The share of a column's times that has to be in one unit; the others are counted as unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What to import and how: `format` names a preset, `mapping` are `field=column` options.

    `kinds` are `name=kind` options for names of events, `kind` is that of every row, `encoding` that of CSV
    files that are not UTF-8.
    """

    source: Path
    format: str = AUTO
    mapping: Sequence[str] = ()
    kinds: Sequence[str] = ()
    kind: str = ""
    encoding: str = ""


@dataclass(slots=True)
class ImportReport:
    """What became of the rows.

    `events` were read, `added` of them were new, `repeated` were there before or stand in the files again,
    `old` are older than the retention. `left_out` and `unknown_kinds` count rows, by reason and by name.
    `items` counts the events of each item.
    """

    files: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    events: int = 0
    added: int = 0
    old: int = 0
    first: float | None = None
    last: float | None = None
    left_out: Counter[str] = field(default_factory=Counter)
    unknown_kinds: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Events that were there before, or stand in the files more than once."""
        return self.events - self.added - self.old


def import_events(
    plan: ImportPlan,
    history: BulkHistory,
    progress: Progress = lambda _step, _rows, _share: None,
    clock: Callable[[], float] = time.time,
) -> ImportReport:
    """Add the events of a file, or of the files in a folder, to a history.

    `progress` is called with the step, `survey` or `import`, its rows so far and its share of the bytes.
    `BadTable` where the files cannot be read as events, `HistoryError` where they cannot be written.
    """
    if plan.kind:
        parse_kinds([f"every row={plan.kind}"])
    now = clock()
    oldest, report = history.oldest, ImportReport()
    with _no_collection():
        tables = open_tables(plan.source, plan.encoding)
        survey, reading = _Way("survey", tables, progress), _Way("import", tables, progress)
        surveys = [_survey(plan, table, survey, report) for table in tables]

    def batches() -> Iterator[EventBatch]:
        size, waiting = min(ROWS, history.largest_batch), list[EventBatch]()
        for table, (shape, times) in zip(tables, surveys, strict=True):
            problems = _Problems(table.path.name, report)
            reader = EventReader(shape, times, now)
            for portion in reading.portions(table, reader.paths, size, problems.add):
                report.rows += len(portion.block)
                batch = reader.read(portion.block)
                if sum(map(len, [*waiting, batch])) > history.largest_batch:
                    yield EventBatch.joined(waiting)
                    waiting.clear()
                waiting.append(batch)
            report.left_out.update(reader.left_out)
            report.unknown_kinds.update(reader.unknown_kinds)
            if reader.latest_ahead:
                report.notes.append(
                    f"{table.path.name}: times lie over a day ahead of this machine's clock ({moment(now)}), "
                    f"up to {moment(reader.latest_ahead)}; these rows are left out"
                )
            if table.doubts:
                report.notes.append(table.path.name + table.describe_doubts())
        yield EventBatch.joined(waiting)

    with _no_collection(), ThreadPoolExecutor(1, thread_name_prefix="import") as writer:
        pending: Future[int] | None = None
        for batch in batches():
            if pending is not None:
                report.added += pending.result()
            pending = writer.submit(history.add_batch, batch)
            _count(batch, oldest, report)
        if pending is not None:
            report.added += pending.result()
    report.seconds = clock() - now
    return report


@contextmanager
def _no_collection() -> Iterator[None]:
    """Rows hold no cycles, and to look for some among thousands of them takes a fifth of an import."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _count(batch: EventBatch, oldest: float, report: ImportReport) -> None:
    if not batch:
        return
    report.events += len(batch)
    report.old += sum(moment < oldest for moment in batch.time)
    report.first = min(*batch.time, report.first or math.inf)
    report.last = max(*batch.time, report.last or 0.0)
    report.items.update(batch.item)


class _Way:
    """Reads files and says how far it has come."""

    def __init__(self, step: str, tables: Sequence[Table], progress: Progress) -> None:
        sizes = [table.path.stat().st_size for table in tables]
        starts = accumulate(sizes, initial=0)
        self._starts = dict(zip([table.path for table in tables], starts, strict=False))
        self._step, self._progress, self._total = step, progress, sum(sizes)
        self._rows = Counter[Path]()

    def portions(self, table: Table, paths: Sequence[str], size: int, skip: Skip) -> Iterator[Portion]:
        """The portions of one of the files; one that is read again counts once."""
        start = self._starts[table.path]
        self._rows[table.path] = 0
        for portion in table.portions(paths, size, skip):
            self._rows[table.path] += len(portion.block) + len(portion.problems)
            self._progress(self._step, self._rows.total(), (start + portion.position) / self._total)
            yield portion


class _Problems:
    """Counts the rows of a file that cannot be read, and notes the first of each kind."""

    def __init__(self, name: str, report: ImportReport) -> None:
        self._name, self._report = name, report
        self._reasons: set[str] = set()

    def add(self, row: Row) -> None:
        """Count a row."""
        self._report.rows += 1
        self._report.left_out["a row that cannot be read"] += 1
        if row.problem not in self._reasons and len(self._reasons) < NOTED:
            self._reasons.add(row.problem)
            self._report.notes.append(f"{self._name}, line {row.number}: {row.problem}")


def _survey(plan: ImportPlan, table: Table, way: _Way, report: ImportReport) -> tuple[Shape, TimeForm]:
    """The shape of a file, and how its times are written, told from all of them.

    A file that declares its columns and writes its times as texts is not read for that. Others are, once.
    """
    preset = choose_preset(plan.format, table.columns)
    columns = dict.fromkeys(table.columns)
    paths = preset.columns.get(TIME, ())
    if not table.format.columns():
        paths = () if parse_mapping(plan.mapping, FIELDS).get(TIME) else paths
        columns, tally = _read_all(table, paths, way)
    shape = choose_shape(
        preset, list(columns), table.sample, plan.mapping, parse_kinds(plan.kinds), plan.kind, table.path.name
    )
    if not paths or table.format.columns():
        paths, tally = shape.columns[TIME], TimeTally()
        tally.add(first_of(RowBlock(table.sample), paths))
        if tally.counts.keys() - {TEXT, ABSENT}:  # texts need no unit
            _, tally = _read_all(table, paths, way)
    form = tally.form(" or ".join(paths), LEAST_SHARE)
    report.files[table.path.name] = f"{preset.title}: {shape.describe()}; times are {NAMES[form.form]}"
    if preset.time_unit not in ("", form.form):
        report.notes.append(
            f"{table.path.name}: the times are {NAMES[form.form]}, not {NAMES[preset.time_unit]} as elsewhere"
        )
    return shape, form


def _read_all(table: Table, paths: Sequence[str], way: _Way) -> tuple[dict[str, None], TimeTally]:
    """Every column that a row has, and how the cells of these columns are written."""
    columns, tally = dict.fromkeys(table.columns), TimeTally()
    for block, *_ in way.portions(table, paths, ROWS, lambda _: None):
        columns.update(dict.fromkeys(block.columns()))
        tally.add(first_of(block, paths))
    return columns, tally


def parse_kinds(options: Sequence[str]) -> Mapping[str, str]:
    """The command line's `name=kind` options, as `wishlist=cart`."""
    kinds = {}
    for option in options:
        name, sign, kind = (part.strip() for part in option.rpartition("="))
        if not sign or not name:
            raise BadTable(f"cannot read {option!r}; write name=kind, as in wishlist=cart")
        try:
            kinds[plain_name(name)] = check_kind(kind)
        except ValueError as error:
            raise BadTable(f"{option}: {error}") from None
    return kinds
