"""Parquet, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from vlclip.engine.errors import TableError
from vlclip.engine.tables.block import ColumnBlock, Portion
from vlclip.engine.tables.format import Row

CHUNK = 64
"""Rows read at a time."""

T = TypeVar("T")


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
        chunks = _polars(self.path, lambda: scan.collect_batches(chunk_size=CHUNK, lazy=True))
        number = 0
        while (chunk := _polars(self.path, lambda: next(chunks, None))) is not None:
            for values in chunk.iter_rows(named=True):
                number += 1
                yield Row(number, values)

    def portions(self, paths: Sequence[str], size: int) -> Iterator[Portion]:
        """The rows as columns, so many at a time; only the columns of `paths` are read."""
        heads = {path.partition(".")[0] for path in paths} | set(paths)
        scan = pl.scan_parquet(self.path).select(name for name in self.columns() if name in heads)
        chunks = _polars(self.path, lambda: scan.collect_batches(chunk_size=size, lazy=True))
        count, total, file_size = 0, self.total() or 1, self.path.stat().st_size
        while (chunk := _polars(self.path, lambda: next(chunks, None))) is not None:
            for part in chunk.iter_slices(size):
                count += part.height
                columns = {column.name: column.to_list() for column in part}
                yield Portion(ColumnBlock(columns, part.height), position=file_size * count // total)

    def total(self) -> int | None:
        """The count in the file's footer."""
        scan = pl.scan_parquet(self.path).select(pl.len())
        return int(_polars(self.path, lambda: scan.collect().item()))


def _polars(path: Path, read: Callable[[], T]) -> T:
    """`read()`, with polars' errors as a `TableError`."""
    try:
        return read()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise TableError(f"{path} is not a Parquet file that can be read: {reason}") from None
