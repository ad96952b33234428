"""A text file: its encoding, and its lines as bytes or as text.

Laws (tests/engine/tables/test_delimited.py, test_catalogue.py):
- UTF-8 with or without a byte order mark is read; UTF-16 with its mark is, where a format reads text;
- a line longer than `MAX_ROW` costs itself alone, and never the memory for it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from vlclip.engine.errors import TableError

MAX_ROW = 32_000_000
"""Bytes in one line of a CSV or JSONL file."""
_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What one look at the whole of a text file shows.

    `encoding` is Python's name. `is_clean` says that all of it can be decoded and that no line is long,
    `has_quotes` that there is a quote mark anywhere.
    """

    encoding: str
    is_clean: bool
    has_quotes: bool


def examine(path: Path) -> TextFacts:
    """The facts of a file; a `TableError` if it cannot be read."""
    encoding, start = _encoding(path)
    decoder = codecs.getincrementaldecoder(encoding)()
    is_clean, has_quotes = True, False
    with _open(path) as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            has_quotes = has_quotes or b'"' in chunk
            is_clean = is_clean and (len(chunk) < _CHUNK or b"\n" in chunk)
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return TextFacts(encoding, is_clean=False, has_quotes=True)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        is_clean = False
    return TextFacts(encoding, is_clean, has_quotes)


def open_decoded(path: Path) -> TextIO:
    """The file as text after its byte order mark, with its line ends; damaged bytes are lone surrogates."""
    encoding, start = _encoding(path)
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    file = path.open(encoding=encoding, errors=errors, newline="")
    file.seek(start)
    return file


def open_text(path: Path) -> BinaryIO:
    """The bytes of a file after its byte order mark, refused where it is UTF-16."""
    encoding, start = _encoding(path)
    if encoding != "utf-8":
        raise TableError(f"{path} is UTF-16 text; save it as UTF-8")
    file = _open(path)
    file.seek(start)
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


def _encoding(path: Path) -> tuple[str, int]:
    """The encoding and where the text begins."""
    with _open(path) as file:
        mark = file.read(3)
    if mark[:2] == b"\xff\xfe":
        return "utf-16-le", 2
    if mark[:2] == b"\xfe\xff":
        return "utf-16-be", 2
    return "utf-8", 3 if mark == b"\xef\xbb\xbf" else 0


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
