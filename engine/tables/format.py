"""What a format of catalogue files gives: columns and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from vlclip.engine.tables.block import Portion

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """One row, or the problem with it. `number` is the line in CSV and JSONL, else the position.

    `doubt` is a sentence for a row that was read but may hold other rows in one of its cells, `notes` are
    sentences about what was left out of it.
    """

    number: int
    values: Mapping[str, Any] = _NOTHING
    problem: str = ""
    doubt: str = ""
    notes: tuple[str, ...] = ()


class Format(Protocol):
    """One file of rows."""

    @property
    def typed(self) -> bool:
        """Whether its cells distinguish numbers from text."""
        ...

    def columns(self) -> list[str]:
        """The columns that the file declares; [] where only its rows show them."""
        ...

    def rows(self) -> Iterator[Row]:
        """Every row in order."""
        ...

    def portions(self, paths: Sequence[str], size: int) -> Iterator[Portion]:
        """The rows, so many at a time; of columns, those of `paths` suffice."""
        ...

    def total(self) -> int | None:
        """How many rows there probably are, for progress; None where counting costs a full read."""
        ...
