"""A file of ratings, queries or histories, opened by the reader that ingestion uses.

Laws (tests/ranking/tables/test_table.py):
- the same rows come from every format;
- a row that cannot be read is an error that names it; none is passed over.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from vlclip.engine.errors import TableError, VlclipError
from vlclip.engine.tables.block import Portion
from vlclip.engine.tables.delimited import DELIMITERS, Csv
from vlclip.engine.tables.format import Format, Row
from vlclip.engine.tables.lines import check_encoding, open_decoded
from vlclip.engine.tables.registry import FORMATS
from vlclip.ranking.errors import BadTable

Skip = Callable[[Row], None]
"""Takes a row that cannot be read."""
TYPED = (".json", ".jsonl", ".ndjson", ".parquet")
"""Endings of formats whose files always name their columns."""
SAMPLE = 1000
"""First rows that guesses look at."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns and first rows; `rows()` reads it from its beginning each time.

    `doubts` are the rows that were read but may hold other rows, each as a sentence, by their number.
    """

    path: Path
    format: Format
    columns: tuple[str, ...]
    sample: tuple[Mapping[str, Any], ...]
    doubts: dict[int, str] = field(default_factory=dict)

    def rows(self, skip: Skip | None = None) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Every row with its number; `BadTable` names one that cannot be read, unless `skip` takes it."""
        for row in _rows(self.path, self.format, skip):
            if row.doubt:
                self.doubts[row.number] = row.doubt
            yield row.number, row.values

    def portions(self, paths: Sequence[str], size: int, skip: Skip) -> Iterator[Portion]:
        """The rows, so many at a time and by column; `skip` takes those that cannot be read."""
        try:
            for portion in self.format.portions(paths, size):
                for row in portion.problems:
                    skip(row)
                self.doubts.update(portion.doubts)
                yield portion
        except VlclipError as error:
            raise BadTable(str(error)) from None

    def describe_doubts(self) -> str:
        """The doubtful rows in a few words, "" where there are none."""
        if not self.doubts:
            return ""
        line, doubt = next(iter(self.doubts.items()))
        return f"; {len(self.doubts):,} doubtful rows, first line {line}: {doubt}"


def open_table(
    path: Path,
    names: Sequence[str] = (),
    *,
    encoding: str = "",
    whole: bool = True,
    skip: Skip | None = None,
) -> Table:
    """The table in a file, whose ending says the format; others are read as CSV.

    `names` are those of the columns of a file without a header, `encoding` is that of a CSV file that is not
    UTF-8. Where only the rows show the columns, all of
    them are read for that, or with `whole` off the first ones. `BadTable` where it cannot be read, or a row
    cannot that `skip` does not take.
    """
    if not path.is_file():
        raise BadTable(f"{path} cannot be read: there is no such file")
    try:
        table = _format(path, tuple(names), check_encoding(encoding))
        columns = list(table.columns())
    except VlclipError as error:
        raise BadTable(str(error)) from None
    if not columns:
        first_rows = islice(_rows(path, table, skip), None if whole else SAMPLE)
        columns = list(dict.fromkeys(column for row in first_rows for column in row.values))
    sample = tuple(row.values for row in islice(_rows(path, table, skip), SAMPLE))
    if not sample:
        raise BadTable(f"{path} holds no rows")
    return Table(path, table, tuple(columns), sample)


def open_tables(path: Path, encoding: str = "") -> list[Table]:
    """The table in a file, or those in the files of a folder whose endings are of tables, by their names.

    Columns that only rows show are those of the first rows. Rows that cannot be read are passed over here.
    """
    if not path.is_dir():
        return [open_table(path, encoding=encoding, whole=False, skip=_pass_over)]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in FORMATS and file.stat().st_size)
    if not files:
        raise BadTable(f"{path} holds no files that end in {', '.join(FORMATS)}")
    return [open_table(file, encoding=encoding, whole=False, skip=_pass_over) for file in files]


def first_cells(path: Path, encoding: str = "") -> list[str]:
    """The cells of the first line of a text file with delimiters, [] for other formats."""
    if path.suffix.lower() in TYPED:
        return []
    try:
        with open_decoded(path, encoding) as file:
            line = next((line for line in file if line.strip() and not line.startswith("sep=")), "")
    except (OSError, VlclipError) as error:
        raise BadTable(f"{path} cannot be read: {error}") from None
    delimiter = max(DELIMITERS, key=line.count)
    return next(csv.reader([line], delimiter=delimiter), [])


def _format(path: Path, names: Sequence[str], encoding: str) -> Format:
    make = FORMATS.get(path.suffix.lower(), Csv)
    if names or (encoding and make is Csv):
        return Csv(path, names=names, encoding=encoding)
    if encoding:
        raise TableError(f"{path} is no CSV or TSV file; leave the encoding {encoding} out")
    return make(path)


def _pass_over(_: Row) -> None:
    """Takes every row that cannot be read."""


def _rows(path: Path, table: Format, skip: Skip | None) -> Iterator[Row]:
    try:
        for row in table.rows():
            if not row.problem:
                yield row
            elif skip is None:
                raise BadTable(f"{path}, line {row.number}: {row.problem}")
            else:
                skip(row)
    except VlclipError as error:
        raise BadTable(str(error)) from None
