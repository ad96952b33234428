"""A shop's catalogue: one file or a folder of shards, read as entries.

Laws (tests/ingestion/reading/test_catalogue.py):
- a folder of shards gives the entries of its files, in order of their names; each is read by its own header,
  and a note says which lack columns of others;
- every row gives exactly one entry, an item or a failure;
- every value is mapped, or a warning of its row names it: a column counts wherever it first appears;
- batches hold at most `size` entries and `MAX_BATCH_BYTES` of photos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from vlclip.engine.errors import ItemError, TableError
from vlclip.engine.tables.delimited import Csv
from vlclip.engine.tables.format import Format, Row
from vlclip.engine.tables.lines import check_encoding
from vlclip.engine.tables.registry import FORMATS, NAMED_ALONE
from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.reading.mapping import ColumnMapping
from vlclip.ingestion.reading.origin import Cells
from vlclip.ingestion.reading.preset import Preset, choose_preset
from vlclip.ingestion.reading.reshape import Shape
from vlclip.ingestion.reading.survey import MAX_COLUMNS, SAMPLE, survey_rows, survey_text
from vlclip.ingestion.reading.values import absent

MAX_BATCH_BYTES = 64_000_000
PEEK = 50
"""Rows that show the columns by which a shop system's export is recognised."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of a catalogue."""

    path: Path
    format: Format

    @property
    def name(self) -> str:
        """The source that its entries name."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The files, their columns and some rows; `root` is where relative photo paths start.

    `sample` are the first rows and those later ones that show something new of a column, `late` the columns
    that no first row has, `mixed` those that hold numbers as well as text. `row_count` is the number of rows
    where they were counted. `preset` is the layout of a shop system, which `shape` undoes; it reads the
    columns `folded` into others. `notes` are sentences about the files.
    """

    shards: tuple[Shard, ...]
    columns: tuple[str, ...]
    late: tuple[str, ...]
    mixed: frozenset[str]
    sample: tuple[Row, ...]
    row_count: int | None
    root: Path
    preset: Preset | None = None
    shape: Callable[[Iterable[Row]], Iterator[Row]] = iter
    folded: tuple[str, ...] = ()
    is_detected: bool = False
    notes: tuple[str, ...] = ()

    @property
    def typed(self) -> bool:
        """Whether cells distinguish numbers from text."""
        return all(shard.format.typed for shard in self.shards)

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma in a number may be a decimal sign: not where commas split the cells."""
        return any(isinstance(shard.format, Csv) and shard.format.decimal_comma for shard in self.shards)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names entries carry as their source."""
        return tuple(shard.name for shard in self.shards)

    def total(self) -> int | None:
        """How many rows there probably are, for progress."""
        if self.row_count is not None:
            return self.row_count
        counts = [shard.format.total() for shard in self.shards]
        announced = [count for count in counts if count is not None]
        return sum(announced) if len(announced) == len(counts) else None

    def rows(self) -> Iterator[Cells]:
        """The cells of every row that can be read."""
        rows = chain.from_iterable(self.shape(shard.format.rows()) for shard in self.shards)
        return (row.values for row in rows if not row.problem)

    def entries(self, mapping: ColumnMapping) -> Iterator[Entry]:
        """Every row as an entry."""
        columns = frozenset(self.columns)
        for shard in self.shards:
            for row in self.shape(shard.format.rows()):
                entry = read_entry(shard.name, row, mapping)
                yield entry if row.values.keys() <= columns else _warned(entry, row, columns)


def open_catalogue(path: str | Path, layout: str = "auto", encoding: str = "") -> Catalogue:
    """The catalogue at `path`, a file or a folder; a `CatalogueError` says why it cannot be read.

    `layout` is a choice of `--format`: the name of a preset, `plain` for none, `auto` for the one that fits.
    `encoding` is that of CSV and TSV files that are not UTF-8.
    """
    try:
        return _open(path, layout, check_encoding(encoding))
    except TableError as error:
        raise CatalogueError(str(error)) from None


def _open(path: str | Path, layout: str, encoding: str) -> Catalogue:
    place = Path(path).expanduser()
    if not place.exists():
        raise CatalogueError(f"there is nothing at {place}; check the path")
    files = _shard_files(place) if place.is_dir() else [place]
    shards = tuple(Shard(file.absolute(), _format(file, encoding)) for file in files)
    shards = tuple(shard for shard in shards if shard.path.stat().st_size)
    if not shards:
        raise CatalogueError(f"{place} is empty; there is nothing to ingest")
    headers = [tuple(shard.format.columns()) for shard in shards]
    declared = tuple(dict.fromkeys(chain.from_iterable(headers)))
    notes = tuple(_unlike(shards, headers, declared))
    columns = declared or tuple(
        dict.fromkeys(name for row in islice(_rows(shards), PEEK) for name in row.values)
    )
    preset = choose_preset(columns, layout) if columns else None
    shape = Shape(preset, columns, partial(_rows, shards)) if preset else iter
    texts = [shard.format for shard in shards if isinstance(shard.format, Csv)]
    if texts:
        survey = survey_text(texts)
    elif notes:  # the first rows of each shard; types are declared
        first_rows = chain.from_iterable(islice(shard.format.rows(), SAMPLE) for shard in shards)
        survey = replace(survey_rows(shape(first_rows), whole=True), rows=None)
    else:
        survey = survey_rows(shape(_rows(shards)), whole=not declared)
    sample = tuple(shape(survey.sample)) if texts else survey.sample
    if not sample:
        raise CatalogueError(f"{place} holds no rows; there is nothing to ingest")
    if all(row.problem for row in sample):
        raise CatalogueError(
            f"{place} cannot be read as {shards[0].path.suffix}: row {sample[0].number}: {sample[0].problem}"
        )
    names = tuple(
        dict.fromkeys([*(declared or survey.columns), *(name for row in sample for name in row.values)])
    )
    return Catalogue(
        shards,
        tuple(dict.fromkeys((*names, *_names(sample)))) if preset else names,
        tuple(name for name in declared if name not in headers[0]) if notes else survey.late,
        survey.mixed,
        sample,
        survey.rows,
        shards[0].path.parent,
        preset,
        shape,
        _folded(columns, shards, sample) if preset else (),
        layout == "auto",
        notes,
    )


def _rows(shards: Iterable[Shard]) -> Iterator[Row]:
    return chain.from_iterable(shard.format.rows() for shard in shards)


def _names(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.values))


def _folded(columns: Iterable[str], shards: Iterable[Shard], sample: Sequence[Row]) -> tuple[str, ...]:
    """The columns with values of which none is there any more once the rows are shaped."""
    before = [row.values for row in islice(_rows(shards), SAMPLE)]
    return tuple(
        name
        for name in columns
        if any(not absent(row.get(name)) for row in before)
        and all(absent(row.values.get(name)) for row in sample)
    )


def read_entry(source: str, row: Row, mapping: ColumnMapping) -> Entry:
    """One row as an entry: its item, or why there is none."""
    if row.problem:
        return Entry(source=source, row=row.number).failed("read", row.problem)
    try:
        item, warnings = mapping.item(row.values)
    except ItemError as error:
        item_id = mapping.item_id(row.values)
        id_column = mapping.fields["id"].template
        reason = str(error) if item_id else f"the row has no id; fill its {id_column!r}"
        return Entry(source=source, row=row.number, id=item_id).failed("read", reason)
    if row.doubt:
        warnings = (*warnings, row.doubt)
    warnings += row.notes
    return Entry.of(item, source, row.number, warnings, doubtful=bool(row.doubt))


def batched(entries: Iterable[Entry], size: int, max_bytes: int = MAX_BATCH_BYTES) -> Iterator[Batch]:
    """Entries in batches of at most `size` and, beyond the first, `max_bytes` of photos."""
    batch: Batch = []
    weight = 0
    for entry in entries:
        if batch and (len(batch) >= size or weight + entry.weight > max_bytes):
            yield batch
            batch, weight = [], 0
        batch.append(entry)
        weight += entry.weight
    if batch:
        yield batch


def _shard_files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in FORMATS)
    if not files:
        raise CatalogueError(f"{folder} holds no catalogue; {_endings()}")
    kinds = sorted({file.suffix.lower() for file in files})
    if len(kinds) > 1:
        raise CatalogueError(f"{folder} holds {' and '.join(kinds)} files; name the one to ingest")
    return files


def _format(file: Path, encoding: str) -> Format:
    make = (FORMATS | NAMED_ALONE).get(file.suffix.lower())
    if make is None:
        raise CatalogueError(f"{file} has an unknown ending {file.suffix!r}; {_endings()}")
    if not encoding:
        return make(file)
    if make is not Csv:
        raise CatalogueError(f"{file} is no CSV or TSV file; leave the encoding {encoding} out")
    return Csv(file, encoding=encoding)


def _endings() -> str:
    return f"a catalogue is a file (or a folder of files) ending in {', '.join(FORMATS)}"


def _warned(entry: Entry, row: Row, columns: frozenset[str]) -> Entry:
    """The entry with a warning if a value of its row has a column that is not in the mapping."""
    if all(name in columns or absent(value) for name, value in row.values.items()):
        return entry
    warning = f"a value is in a column beyond the first {MAX_COLUMNS:,} of the catalogue; left out"
    return replace(entry, warnings=(*entry.warnings, warning))


def _unlike(
    shards: Sequence[Shard], headers: Sequence[Sequence[str]], columns: Sequence[str]
) -> Iterator[str]:
    """For each set of columns that shards lack, a sentence that names them."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for shard, header in zip(shards, headers, strict=True):
        if header and (absent_names := tuple(name for name in columns if name not in header)):
            lacking.setdefault(absent_names, []).append(shard.path.name)
    for names, files in lacking.items():
        who = ", ".join(files[:5]) + (f" and {len(files) - 5:,} more" if len(files) > 5 else "")
        what = ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
        yield f"{who} {'lack' if files[1:] else 'lacks'} columns that others have: {what}"
