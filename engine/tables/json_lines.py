"""JSONL: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vlclip.engine.tables.format import Row
from vlclip.engine.tables.json_values import JsonProblem, parse_json
from vlclip.engine.tables.lines import MAX_ROW, lines_of, open_text


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
            for number, line in lines_of(file):
                if line is None:
                    yield Row(number, problem=f"the line is longer than {MAX_ROW:,} bytes")
                elif line.strip():
                    yield _row(number, line)

    def total(self) -> int | None:
        """None: counting costs a full read."""
        return None


def _row(number: int, line: bytes) -> Row:
    content = parse_json(line)
    if isinstance(content, JsonProblem):
        return Row(number, problem=f"the line is not JSON: {content.reason}")
    if not isinstance(content, dict):
        return Row(number, problem="the line is not a JSON object")
    return Row(number, content)
