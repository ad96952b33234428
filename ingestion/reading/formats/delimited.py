"""CSV and TSV: a header and rows, with the delimiter guessed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.formats.format import Row
from vlclip.ingestion.reading.formats.lines import MAX_ROW, lines_of, open_text

DELIMITERS = ",;\t|"
NOT_UTF8 = "the row is not UTF-8 text; save the file as UTF-8"


@dataclass(frozen=True, slots=True)
class Csv:
    """A header and rows, split at `,`, `;`, tab or `|`: the one on which header and first rows agree best."""

    path: Path
    typed: bool = False

    def columns(self) -> list[str]:
        """The header."""
        _, header, problem = next(self._records(self._delimiter()), (0, [], ""))
        if problem:
            raise CatalogueError(f"the header of {self.path} cannot be used: {problem}")
        names = [name.strip() for name in header]
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice is not None:
            raise CatalogueError(f"{self.path} has two columns named {twice!r}; rename one")
        return names

    def rows(self) -> Iterator[Row]:
        """Every record that is not blank; its fields must be as many as the header's."""
        columns = self.columns()
        records = self._records(self._delimiter())
        next(records, None)
        for number, cells, problem in records:
            if problem:
                yield Row(number, problem=problem)
            elif len(cells) == len(columns):
                yield Row(number, dict(zip(columns, cells, strict=True)))
            elif cells:
                yield Row(number, problem=f"the row has {len(cells)} fields, the header {len(columns)}")

    def total(self) -> int | None:
        """The number of line ends outside quotes, less the header's."""
        with open_text(self.path) as file:
            quotes = records = 0
            for _, line in lines_of(file):
                quotes += (line or b"").count(b'"')
                records += quotes % 2 == 0
        return max(records - 1, 0)

    def _delimiter(self) -> str:
        """The delimiter that gives the header the most columns and the first rows as many."""
        return max(DELIMITERS, key=self._agreement)

    def _agreement(self, delimiter: str) -> float:
        widths = [len(cells) for _, cells, _ in islice(self._records(delimiter), 20) if cells]
        if not widths:
            return 0
        return (widths[0] - 1) * widths.count(widths[0]) / len(widths)

    def _records(self, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
        """Line number, cells and problem of every record, the header included."""
        csv.field_size_limit(MAX_ROW)
        with open_text(self.path) as file:
            lines = _DecodedLines(file)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            while True:
                first = lines.number + 1
                lines.damaged = False
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield first, [], f"the row is not CSV: {error}"
                    continue
                yield first, cells, NOT_UTF8 if lines.damaged else ""


@dataclass(slots=True)
class _DecodedLines:
    """Lines as text for the csv module, with the number of the last one and whether one was damaged."""

    file: BinaryIO
    number: int = 0
    damaged: bool = False

    def __iter__(self) -> Iterator[str]:
        for number, line in lines_of(self.file):
            self.number = number
            if line is None:
                self.damaged = True
                yield "\n"
                continue
            try:
                yield line.decode()
            except UnicodeDecodeError:
                self.damaged = True
                yield line.decode(errors="replace")
