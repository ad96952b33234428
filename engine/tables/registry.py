"""Which file ending is read by which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vlclip.engine.tables.delimited import Csv
from vlclip.engine.tables.format import Format
from vlclip.engine.tables.json_array import Json
from vlclip.engine.tables.json_lines import Jsonl
from vlclip.engine.tables.xml_feed import Xml


def _parquet(path: Path) -> Format:
    from vlclip.engine.tables.parquet import Parquet  # noqa: PLC0415 - half a second, and no service needs it

    return Parquet(path)


FORMATS: dict[str, Callable[[Path], Format]] = {
    ".jsonl": Jsonl,
    ".ndjson": Jsonl,
    ".csv": Csv,
    ".tsv": Csv,
    ".parquet": _parquet,
    ".json": Json,
    ".jsonld": Json,
    ".xml": Xml,
    ".rss": Xml,
    ".atom": Xml,
}
"""File ending to the format that reads it."""

NAMED_ALONE: dict[str, Callable[[Path], Format]] = {".txt": Csv}
"""Endings of files that are read if they are named, but are no shards of a folder."""
