"""JSON: an array of objects in one file, which is read whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlclip.engine.errors import TableError
from vlclip.engine.tables.block import Portion, portions_of
from vlclip.engine.tables.format import Row
from vlclip.engine.tables.json_values import JsonProblem, parse_json
from vlclip.engine.tables.lines import open_text

KEYS = frozenset(
    ("products", "items", "data", "hits", "results", "docs", "documents", "records", "rows", "entries",
     "catalog", "catalogue", "response", "result", "nodes", "edges", "list", "objects",
     "@graph", "itemlistelement")
)  # fmt: skip
"""Keys under which services put their records, in lower case."""
OWN_KEYS = frozenset(("id", "sku", "title", "name", "handle", "@type", "@id"))
"""Keys of an object that is a record itself."""
MAX_JSON = 64_000_000
"""Bytes in a JSON array, which has to be read whole."""


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON array of objects, an object that holds exactly one such array, or objects by their id."""

    path: Path
    typed: bool = True

    def columns(self) -> list[str]:
        """None: only the rows show them."""
        return []

    def rows(self) -> Iterator[Row]:
        """Every element."""
        for position, element in enumerate(self._elements(), start=1):
            if isinstance(element, dict):
                yield Row(position, element)
            else:
                yield Row(position, problem="the element is not a JSON object")

    def portions(self, _paths: Sequence[str], size: int) -> Iterator[Portion]:
        """The rows, so many at a time."""
        return portions_of(self.rows(), size)

    def total(self) -> int | None:
        """None: counting costs a full read."""
        return None

    def _elements(self) -> Sequence[Any]:
        size = self.path.stat().st_size
        if size > MAX_JSON:
            raise TableError(
                f"{self.path} has {size:,} bytes; a JSON array is read whole and may have {MAX_JSON:,}. "
                "Write one object a line instead, as in: jq -c '.[]' in.json > out.jsonl"
            )
        with open_text(self.path) as file:
            content = parse_json(file.read())
        if isinstance(content, JsonProblem):
            raise TableError(f"{self.path} is not JSON: {content.reason}")
        if isinstance(content, dict):
            content = _records_within(content)
        if not isinstance(content, list):
            raise TableError(f"{self.path} is not a JSON array of objects; write one")
        return content


def _records_within(content: dict[str, Any], depth: int = 4) -> list[Any] | None:
    """The records of an object: an array under a usual key, the only one of objects, or objects by their id.

    What describes itself, by an id or a name, is one record.
    """
    for key, value in content.items():
        if key.lower() not in KEYS:
            continue
        if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
            return [_unwrapped(part) for part in value]
        if isinstance(value, dict) and depth and (records := _records_within(value, depth - 1)):
            return records
    values = list(content.values())
    if values and all(isinstance(value, dict) for value in values):
        return [{"id": key, **value} for key, value in content.items()]
    if not OWN_KEYS.isdisjoint(content):
        return [content]
    arrays = [v for v in values if isinstance(v, list) and v and isinstance(v[0], dict)]
    return arrays[0] if len(arrays) == 1 else None


def _unwrapped(record: dict[str, Any]) -> dict[str, Any]:
    """The record in what search engines and GraphQL put around it."""
    inner = next((record[key] for key in ("_source", "node") if isinstance(record.get(key), dict)), None)
    return record if inner is None else {**{k: v for k, v in record.items() if v is not inner}, **inner}
