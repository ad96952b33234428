"""Rows out of one file: JSONL, CSV, Parquet, JSON.

Laws (tests/ingestion/reading/test_catalogue.py):
- `rows()` can be called again and gives the same rows;
- a row that cannot be read is a `Row` with a problem and the rows after it are still read;
- memory follows the longest row (at most `MAX_ROW`), a Parquet row group or the JSON array, never
  the number of rows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import orjson
import polars as pl

from vlclip.ingestion.errors import CatalogueError

MAX_ROW = 32_000_000
"""Bytes in one line of a CSV or JSONL file."""
MAX_JSON = 64_000_000
"""Bytes in a JSON array, which has to be read whole."""
DELIMITERS = ",;\t|"
PARQUET_CHUNK = 64

T = TypeVar("T")


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
        """Whether its cells know numbers from text."""
        ...

    def columns(self) -> list[str]:
        """The columns the file announces; [] where only its rows know them."""
        ...

    def rows(self) -> Iterator[Row]:
        """Every row in order."""
        ...

    def total(self) -> int | None:
        """How many rows there probably are, for progress; None where counting costs a full read."""
        ...


@dataclass(frozen=True, slots=True)
class Jsonl:
    """One JSON object a line; blank lines do not count."""

    path: Path
    typed: bool = True

    def columns(self) -> list[str]:
        """Only the rows know."""
        return []

    def rows(self) -> Iterator[Row]:
        """Every line that is not blank."""
        with _opened(self.path) as file:
            for number, line in _lines(file):
                if line is None:
                    yield Row(number, problem=f"the line is longer than {MAX_ROW:,} bytes")
                elif line.strip():
                    yield _json_row(number, line)

    def total(self) -> int | None:
        """The number of lines that are not blank."""
        with _opened(self.path) as file:
            return sum(line is None or not line.isspace() for _, line in _lines(file))


@dataclass(frozen=True, slots=True)
class Csv:
    """A header and rows, split at `,`, `;`, tab or `|`: whichever the header and first row agree on."""

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
        with _opened(self.path) as file:
            quotes = records = 0
            for _, line in _lines(file):
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
        with _opened(self.path) as file:
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
                yield (
                    first,
                    cells,
                    "the row is not UTF-8 text; save the file as UTF-8" if lines.damaged else "",
                )


@dataclass(slots=True)
class _DecodedLines:
    """Lines as text for the csv module, with the number of the last one and whether one was damaged."""

    file: BinaryIO
    number: int = 0
    damaged: bool = False

    def __iter__(self) -> Iterator[str]:
        for number, line in _lines(self.file):
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


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file, streamed in chunks of its row groups."""

    path: Path
    typed: bool = True

    def columns(self) -> list[str]:
        """The schema's columns."""
        return _polars(self.path, lambda: pl.scan_parquet(self.path).collect_schema().names())

    def rows(self) -> Iterator[Row]:
        """Every row; memory follows one row group."""
        scan = pl.scan_parquet(self.path)
        chunks = _polars(self.path, lambda: scan.collect_batches(chunk_size=PARQUET_CHUNK, lazy=True))
        number = 0
        while (chunk := _polars(self.path, lambda: next(chunks, None))) is not None:
            for values in chunk.iter_rows(named=True):
                number += 1
                yield Row(number, values)

    def total(self) -> int | None:
        """The count in the file's footer."""
        scan = pl.scan_parquet(self.path).select(pl.len())
        return int(_polars(self.path, lambda: scan.collect().item()))


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON array of objects, an object that holds exactly one such array, or objects by their id."""

    path: Path
    typed: bool = True

    def columns(self) -> list[str]:
        """Only the rows know."""
        return []

    def rows(self) -> Iterator[Row]:
        """Every element."""
        for position, element in enumerate(self._elements(), start=1):
            if isinstance(element, dict):
                yield Row(position, element)
            else:
                yield Row(position, problem="the element is not a JSON object")

    def total(self) -> int | None:
        """The array's length."""
        return len(self._elements())

    def _elements(self) -> Sequence[Any]:
        size = self.path.stat().st_size
        if size > MAX_JSON:
            raise CatalogueError(
                f"{self.path} has {size:,} bytes; a JSON array is read whole and may have {MAX_JSON:,}. "
                "Write one object a line instead, as in: jq -c '.[]' in.json > out.jsonl"
            )
        with _opened(self.path) as file:
            content = _json(file.read())
        if isinstance(content, _Problem):
            raise CatalogueError(f"{self.path} is not JSON: {content.reason}")
        if isinstance(content, dict):
            content = _records_within(content)
        if not isinstance(content, list):
            raise CatalogueError(f"{self.path} is not a JSON array of objects; write one")
        return content


FORMATS: Mapping[str, Callable[[Path], Format]] = {
    ".jsonl": Jsonl,
    ".ndjson": Jsonl,
    ".csv": Csv,
    ".tsv": Csv,
    ".parquet": Parquet,
    ".json": Json,
}
"""File ending to the format that reads it."""


@dataclass(frozen=True, slots=True)
class _Problem:
    reason: str


def _json_row(number: int, line: bytes) -> Row:
    found = _json(line)
    if isinstance(found, _Problem):
        return Row(number, problem=f"the line is not JSON: {found.reason}")
    if not isinstance(found, dict):
        return Row(number, problem="the line is not a JSON object")
    return Row(number, found)


def _json(content: bytes) -> Any:
    """The value, or a `_Problem`. NaN, which Python writes and JSON lacks, is taken."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as strict:
        reason = str(strict)
    if b"NaN" not in content and b"Infinity" not in content:
        return _Problem(reason)
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return _Problem(reason)
    return found


def _records_within(content: dict[str, Any]) -> list[Any] | None:
    """The one array of objects in an object, or its own values where it keeps objects by id."""
    values = list(content.values())
    if values and all(isinstance(value, dict) for value in values):
        return [{"id": key, **value} for key, value in content.items()]
    arrays = [v for v in values if isinstance(v, list) and v and isinstance(v[0], dict)]
    return arrays[0] if len(arrays) == 1 else None


def _opened(path: Path) -> BinaryIO:
    """The file after its byte order mark, refused where it is UTF-16."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}") from None
    mark = file.read(3)
    if mark[:2] in (b"\xff\xfe", b"\xfe\xff"):
        file.close()
        raise CatalogueError(f"{path} is UTF-16 text; save it as UTF-8")
    file.seek(3 if mark == b"\xef\xbb\xbf" else 0)
    return file


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Line numbers from 1 with their lines; None for a line longer than `MAX_ROW`."""
    number = 0
    while line := file.readline(MAX_ROW):
        number += 1
        if len(line) < MAX_ROW or line.endswith(b"\n"):
            yield number, line
            continue
        while (rest := file.readline(MAX_ROW)) and not rest.endswith(b"\n"):
            pass
        yield number, None


def _polars(path: Path, read: Callable[[], T]) -> T:
    """`read()`, with polars' errors as a `CatalogueError`."""
    try:
        return read()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise CatalogueError(f"{path} is not a Parquet file that can be read: {reason}") from None
