"""A text file as lines of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vlclip.ingestion.errors import CatalogueError

MAX_ROW = 32_000_000
"""Bytes in one line of a CSV or JSONL file."""


def open_text(path: Path) -> BinaryIO:
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


def lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Line numbers from 1 with their lines; None for a line longer than `MAX_ROW`."""
    number = 0
    while line := file.readline(MAX_ROW):
        number += 1
        if len(line) < MAX_ROW or line.endswith(b"\n"):
            yield number, line
            continue
        while (tail := file.readline(MAX_ROW)) and not tail.endswith(b"\n"):
            pass
        yield number, None
