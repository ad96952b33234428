"""The records of a delimited file that has quoted cells or damaged lines, with the problem of each."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, TextIO

from vlclip.engine.tables.lines import DAMAGED, MAX_ROW
from vlclip.engine.tables.quotes import may_hold_rows, swallows_rows

Record = tuple[int, Sequence[str], str, str]
"""The number of its first line, the cells, the problem with it, and why it may hold other rows."""

MAX_LINES = 1000
"""Lines in one record; a quote that is not closed by then is a stray one."""
NOT_TEXT = "the row is not {encoding} text; save the file as UTF-8"
TOO_LONG = f"the row has a line longer than {MAX_ROW:,} characters"
STRAY = (
    "a quoted cell that begins here holds the rows after it, so one quote is stray; remove it, or put the "
    "cell in quotes and double those inside"
)
UNCLOSED = (
    f"the row is not CSV: a quote that opens here is not closed within {MAX_LINES:,} lines; remove it, or "
    "put the cell in quotes and double those inside"
)
DOUBT = "a quoted cell holds a line that looks like a row of its own; check the quote marks"


def careful_records(file: TextIO, delimiter: str, number: int, *, quotes_enclose: bool) -> Iterator[Record]:
    """Every record from here on; `number` is that of the next line."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes_enclose else csv.QUOTE_NONE
    lines = _Lines(file)
    reader = csv.reader(lines.feed(), delimiter=delimiter, strict=True, quoting=quoting)
    width = 0
    while True:
        lines.record.clear()
        lines.problem = ""
        cells: Sequence[str] = ()
        problem = doubt = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooManyLinesError:
            problem = UNCLOSED
        except csv.Error as error:
            problem = f"the row is not CSV: {error}"
        if len(lines.record) > 1 and width:
            if not problem and (
                swallows_rows(lines.record, delimiter, width)
                or (len(cells) != width and may_hold_rows(lines.record, delimiter, width))
            ):
                problem = STRAY
            if problem:
                lines.give_back()
                reader = csv.reader(lines.feed(), delimiter=delimiter, strict=True, quoting=quoting)
            elif may_hold_rows(lines.record, delimiter, width):
                doubt = DOUBT
        problem = problem or lines.problem
        width = width or len(cells)
        yield number, () if problem else cells, problem, doubt
        number += len(lines.record)


class _TooManyLinesError(Exception):
    """A record has more than `MAX_LINES` lines."""


class _Lines:
    """The lines of a file, with those of the current record, which can be given back to be read again."""

    def __init__(self, file: TextIO) -> None:
        self.record: list[str] = []
        self.problem = ""
        self._file = file
        self._waiting: deque[str] = deque()

    def feed(self) -> Iterator[str]:
        """Lines until the file or the patience with one record ends."""
        while line := self._waiting.popleft() if self._waiting else self._file.readline(MAX_ROW):
            if len(self.record) >= MAX_LINES:
                self._waiting.appendleft(line)
                raise _TooManyLinesError
            if len(line) == MAX_ROW and line[-1] != "\n":
                line = self._skip()
            elif not line.isascii() and DAMAGED.search(line):
                self.problem = NOT_TEXT.format(encoding=self._file.encoding.upper())
            self.record.append(line)
            yield line

    def give_back(self) -> None:
        """Read all lines of the record but the first once more."""
        self._waiting.extendleft(reversed(self.record[1:]))
        del self.record[1:]

    def _skip(self) -> str:
        self.problem = TOO_LONG
        while (tail := self._file.readline(MAX_ROW)) and not tail.endswith("\n"):
            pass
        return "\n"
