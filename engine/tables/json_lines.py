"""JSONL: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from vlclip.engine.tables.block import Portion, RowBlock, portions_of
from vlclip.engine.tables.format import Row
from vlclip.engine.tables.json_values import JsonProblem, parse_json
from vlclip.engine.tables.lines import MAX_ROW, lines_of, open_text, portions_of_lines

Line = tuple[int, bytes | None]
"""Its number, and None where it is too long."""


@dataclass(frozen=True, slots=True)
class Jsonl:
    """One JSON object a line; blank lines do not count."""

    path: Path
    typed: bool = True

    def columns(self) -> list[str]:
        """None: only the rows show them."""
        return []

    def rows(self) -> Iterator[Row]:
        """Every line that is not blank."""
        with open_text(self.path) as file:
            yield from _rows(lines_of(file))

    def portions(self, _paths: Sequence[str], size: int) -> Iterator[Portion]:
        """The rows, so many at a time."""
        with open_text(self.path) as file:
            for part in portions_of_lines(file, size):
                if (rows := _all_objects(part)) is not None:
                    yield Portion(RowBlock(rows), position=file.tell())
                else:
                    yield from portions_of(_rows(part), size, file.tell)

    def total(self) -> int | None:
        """None: counting costs a full read."""
        return None


def _all_objects(lines: Sequence[Line]) -> list[dict[str, Any]] | None:
    """What lines hold that are all objects in plain JSON, twice as fast as line by line; None for others."""
    try:
        rows = [orjson.loads(line) for _, line in lines]  # type: ignore[arg-type] # None is an error too
    except orjson.JSONDecodeError:
        return None
    return rows if set(map(type, rows)) == {dict} else None


def _rows(lines: Iterable[Line]) -> Iterator[Row]:
    for number, line in lines:
        if line is None:
            yield Row(number, problem=f"the line is longer than {MAX_ROW:,} bytes")
        elif line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> Row:
    content = parse_json(line.removesuffix(b"\n"))
    if isinstance(content, JsonProblem):
        return Row(number, problem=f"the line is not JSON: {content.reason}")
    if not isinstance(content, dict):
        return Row(number, problem="the line is not a JSON object")
    return Row(number, content)
