"""What a format of catalogue files gives: columns and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or the problem with it. `number` is the line in CSV and JSONL, else the position."""

    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


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

    def total(self) -> int | None:
        """How many rows there probably are, for progress; None where counting costs a full read."""
        ...
