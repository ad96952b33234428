"""A file of ratings, queries or histories, opened by the reader that ingestion uses.

Laws (tests/ranking/tables/test_table.py):
- the same rows come from every format;
- a row that cannot be read is an error that names it; none is passed over.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vlclip.engine.errors import VlclipError
from vlclip.engine.tables.delimited import DELIMITERS, Csv
from vlclip.engine.tables.format import Format
from vlclip.engine.tables.registry import FORMATS
from vlclip.ranking.errors import BadTable

TYPED = (".json", ".jsonl", ".ndjson", ".parquet")
"""Endings of formats whose files always name their columns."""
SAMPLE = 1000
"""First rows that guesses look at."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns and first rows; `rows()` reads it from its beginning each time."""

    path: Path
    format: Format
    columns: tuple[str, ...]
    sample: tuple[Mapping[str, Any], ...]

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Every row with its number; `BadTable` names one that cannot be read."""
        return _rows(self.path, self.format)


def open_table(path: Path, names: Sequence[str] = (), *, whole: bool = True) -> Table:
    """The table in a file, whose ending says the format; others are read as CSV.

    `names` are those of the columns of a file without a header. Where only the rows show the columns, all of
    them are read for that, or with `whole` off the first ones. `BadTable` where it cannot be read.
    """
    if not path.is_file():
        raise BadTable(f"{path} cannot be read: there is no such file")
    table = Csv(path, names=tuple(names)) if names else FORMATS.get(path.suffix.lower(), Csv)(path)
    try:
        columns = list(table.columns())
    except VlclipError as error:
        raise BadTable(str(error)) from None
    if not columns:
        first_rows = islice(_rows(path, table), None if whole else SAMPLE)
        columns = list(dict.fromkeys(column for _, row in first_rows for column in row))
    sample = tuple(row for _, row in islice(_rows(path, table), SAMPLE))
    if not sample:
        raise BadTable(f"{path} holds no rows")
    return Table(path, table, tuple(columns), sample)


def open_tables(path: Path) -> list[Table]:
    """The table in a file, or those in the files of a folder whose endings are of tables, by their names.

    Columns that only rows show are those of the first rows.
    """
    if not path.is_dir():
        return [open_table(path, whole=False)]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in FORMATS and file.stat().st_size)
    if not files:
        raise BadTable(f"{path} holds no files that end in {', '.join(FORMATS)}")
    return [open_table(file, whole=False) for file in files]


def first_cells(path: Path) -> list[str]:
    """The cells of the first line of a text file with delimiters, [] for other formats."""
    if path.suffix.lower() in TYPED:
        return []
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = next((line for line in file if line.strip() and not line.startswith("sep=")), "")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTable(f"{path} cannot be read: {error}") from None
    delimiter = max(DELIMITERS, key=line.count)
    return next(csv.reader([line], delimiter=delimiter), [])


def _rows(path: Path, table: Format) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        for row in table.rows():
            if row.problem:
                raise BadTable(f"{path}, line {row.number}: {row.problem}")
            yield row.number, row.values
    except VlclipError as error:
        raise BadTable(str(error)) from None
