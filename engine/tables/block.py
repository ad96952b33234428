"""Rows of a file, thousands at a time and as columns, for readers of logs of millions.

Laws (tests/engine/tables/test_block.py):
- the portions of a file hold the rows that it gives one by one, with the same problems and doubts;
- a cell is the same whether its block keeps rows or columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

from vlclip.engine.tables.format import Row

Cells = Mapping[str, Any]
Getter = Callable[[Cells], Any]


class Block(Protocol):
    """Rows whose cells are read by column."""

    def __len__(self) -> int:
        """How many rows."""
        ...

    def columns(self) -> Iterable[str]:
        """Every column that one of the rows has, in the order of their first appearance."""
        ...

    def cells(self, path: str) -> Sequence[Any]:
        """A column's cells, None where a row lacks it.

        `a.b` is the column of that name, or else key `b` of the object in `a`.
        """
        ...

    def take(self, places: Sequence[int]) -> Block:
        """The rows in these places."""
        ...


class Portion(NamedTuple):
    """The next rows of a file: those that were read, and those that cannot be.

    `doubts` are the rows among them that may hold other rows, each as a sentence, by their number. `position`
    is how many bytes of the file have been read.
    """

    block: Block
    problems: Sequence[Row] = ()
    doubts: Mapping[int, str] = {}
    position: int = 0


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Rows as they come from a file whose rows have columns of their own."""

    rows: Sequence[Cells]

    def __len__(self) -> int:
        return len(self.rows)

    def columns(self) -> Iterable[str]:
        """Every column that one of the rows has."""
        return dict.fromkeys(chain.from_iterable(self.rows))

    def cells(self, path: str) -> Sequence[Any]:
        """A column's cells."""
        if "." not in path:
            return [row.get(path) for row in self.rows]
        get = cell_getter(path)
        return [get(row) for row in self.rows]

    def take(self, places: Sequence[int]) -> RowBlock:
        """The rows in these places."""
        return RowBlock([self.rows[place] for place in places])


@dataclass(frozen=True, slots=True)
class ColumnBlock:
    """Columns of one length; `places` are the rows that count, None for all."""

    by_name: Mapping[str, Sequence[Any]]
    length: int
    places: Sequence[int] | None = None

    def __len__(self) -> int:
        return self.length if self.places is None else len(self.places)

    def columns(self) -> Iterable[str]:
        """Every column."""
        return self.by_name

    def cells(self, path: str) -> Sequence[Any]:
        """A column's cells."""
        cells = self.by_name.get(path)
        head, _, tail = path.partition(".")
        if cells is None and tail and head in self.by_name:
            get = cell_getter(tail)
            cells = [get(part) if isinstance(part, dict) else None for part in self.by_name[head]]
        if cells is None:
            return [None] * len(self)
        return cells if self.places is None else [cells[place] for place in self.places]

    def take(self, places: Sequence[int]) -> ColumnBlock:
        """The rows in these places."""
        own = self.places
        return ColumnBlock(self.by_name, self.length, places if own is None else [own[n] for n in places])


def portions_of(rows: Iterator[Row], size: int, position: Callable[[], int] = lambda: 0) -> Iterator[Portion]:
    """Rows, so many at a time; `position` says how much of their file has been read."""
    while part := list(islice(rows, size)):
        problems = [row for row in part if row.problem]
        doubts = {row.number: row.doubt for row in part if row.doubt}
        block = RowBlock([row.values for row in part if not row.problem])
        yield Portion(block, problems, doubts, position())


def cell_getter(path: str) -> Getter:
    """What gives a column's cell. `a.b` is the column of that name, or else key `b` of the object in `a`."""
    head, dot, tail = path.partition(".")
    if not dot:
        return lambda row: row.get(path)
    inner = cell_getter(tail)

    def get(row: Cells) -> Any:
        if path in row:
            return row[path]
        part = row.get(head)
        return inner(part) if isinstance(part, dict) else None

    return get
