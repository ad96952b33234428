"""CSV and TSV: a header and rows, with the delimiter guessed or named in a first line `sep=;`.

Laws (tests/engine/tables/test_delimited.py):
- in a file split at tabs a quote is an ordinary character, unless the cells of the file really are quoted;
- a stray quote costs its own row, never the rows after it: a quoted cell that holds whole rows is a problem
  of the row in which it opens, and the lines after it are read again as rows;
- a quoted cell with line breaks is read, and a row that may hold others all the same is doubtful;
- columns of one name are one column of lists.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, count, islice, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

from vlclip.engine.errors import TableError
from vlclip.engine.tables.block import ColumnBlock, Portion, portions_of
from vlclip.engine.tables.format import Row
from vlclip.engine.tables.lines import MAX_ROW, TextFacts, examine, open_decoded
from vlclip.engine.tables.quotes import is_quoted
from vlclip.engine.tables.records import Record, careful_records

DELIMITERS = ",;\t|"
_SEP = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


@dataclass(frozen=True)
class Csv:
    """A header and rows, split at `,`, `;`, tab or `|`: the one on which header and first rows agree best."""

    path: Path
    typed: bool = False
    names: Sequence[str] = ()
    """The columns of a file without a header."""
    encoding: str = ""
    """The encoding of a file that is not UTF-8, as the operator names it."""

    def columns(self) -> list[str]:
        """The header, each name once."""
        return list(dict.fromkeys(self.header))

    def rows(self) -> Iterator[Row]:
        """Every record that is not blank; its fields must be as many as the header's."""
        header = self.header
        if len(set(header)) < len(header):
            yield from map(self.row, chain.from_iterable(self.blocks(100)))
            return
        width = len(header)
        for record in islice(self._records(self._delimiter), 0 if self.names else 1, None):
            number, cells, _, doubt = record
            if len(cells) == width:
                yield Row(number, dict(zip(header, cells, strict=True)), "", doubt)
            elif cells or record[2]:
                yield self.row(record)

    def blocks(self, size: int) -> Iterator[list[Record]]:
        """The records that are not blank, after the header, so many at a time."""
        records = islice(self._records(self._delimiter), 0 if self.names else 1, None)
        while block := list(islice(records, size)):
            yield [record for record in block if record[1] or record[2]]

    def portions(self, paths: Sequence[str], size: int) -> Iterator[Portion]:
        """The columns of `paths`, so many rows at a time."""
        header, width = self.header, len(self.header)
        heads = {path.partition(".")[0] for path in paths} | set(paths)
        getters = {name: itemgetter(n) for n, name in enumerate(header) if name in heads}
        with open_decoded(self.path, self.encoding) as file:
            if len(set(header)) < width:
                yield from portions_of(self.rows(), size)
                return
            records = islice(self._records_of(file, self._delimiter), 0 if self.names else 1, None)
            while block := list(islice(records, size)):
                cells = [record[1] for record in block if len(record[1]) == width]
                others = [record for record in block if len(record[1]) != width and any(record[1:3])]
                doubts = {number: doubt for number, _, _, doubt in block if doubt}
                columns = {name: list(map(get, cells)) for name, get in getters.items()}
                problems = [self.row(record) for record in others]
                yield Portion(ColumnBlock(columns, len(cells)), problems, doubts, file.buffer.tell())

    def row(self, record: Record) -> Row:
        """A record as a row."""
        number, cells, problem, doubt = record
        if problem:
            return Row(number, problem=problem)
        if len(cells) != len(self.header):
            return Row(number, problem=f"the row has {len(cells)} fields, the header {len(self.header)}")
        return Row(number, _under_names(self.header, cells), "", doubt)

    def total(self) -> int | None:
        """None: counting costs a full read."""
        return None

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma in a number may be a decimal one: not where commas split the cells."""
        return self._delimiter != ","

    @cached_property
    def header(self) -> Sequence[str]:
        """The header as it is written; names may repeat."""
        if self.names:
            return self.names
        _, cells, problem, _ = next(self._records(self._delimiter), (0, [], "", ""))
        if problem:
            raise TableError(f"the header of {self.path} cannot be used: {problem}")
        return [name.strip() for name in cells]

    @cached_property
    def _facts(self) -> TextFacts:
        return examine(self.path, self.encoding)

    @cached_property
    def _announced(self) -> str:
        """The delimiter that a first line such as `sep=;` names, as Excel writes it."""
        with open_decoded(self.path, self.encoding) as file:
            match = _SEP.fullmatch(file.readline(10))
        return match[1] if match else ""

    @cached_property
    def _delimiter(self) -> str:
        """The delimiter that gives the header the most columns and the first rows as many."""
        return self._announced or max(DELIMITERS, key=self._agreement)

    @cached_property
    def _has_quoted_tabs(self) -> bool:
        """Whether quotes enclose cells between tabs."""
        with open_decoded(self.path, self.encoding) as file:
            return is_quoted(iter(partial(file.readline, MAX_ROW), ""), "\t")

    def _agreement(self, delimiter: str) -> float:
        records = islice(self._records(delimiter), 20)
        widths = [len(cells) for _, cells, _, _ in records if cells]
        if not widths:
            return 0
        return (widths[0] - 1) * widths.count(widths[0]) / len(widths)

    def _quotes_enclose(self, delimiter: str) -> bool:
        return self._facts.has_quotes and (delimiter != "\t" or self._has_quoted_tabs)

    def _records(self, delimiter: str) -> Iterator[Record]:
        """Every record, the header included."""
        with open_decoded(self.path, self.encoding) as file:
            yield from self._records_of(file, delimiter)

    def _records_of(self, file: TextIO, delimiter: str) -> Iterator[Record]:
        csv.field_size_limit(MAX_ROW)
        quotes_enclose = self._quotes_enclose(delimiter)
        number = 1
        if self._announced:
            file.readline()
            number = 2
        if quotes_enclose or not self._facts.is_clean:
            return careful_records(file, delimiter, number, quotes_enclose=quotes_enclose)
        # each line is one record
        reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        return zip(count(number), reader, repeat(""), repeat(""))


def _under_names(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """Cells under their names, those of one name as a list."""
    counts = Counter(header)
    row: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if counts[name] == 1:
            row[name] = cell
        else:
            row[name] = [*row.get(name, ()), *([cell] if cell.strip() else [])]
    return row
