"""A text file: its encoding, and its lines as bytes or as text.

Laws (tests/engine/tables/test_delimited.py, test_catalogue.py):
- UTF-8 with or without a byte order mark is read; UTF-16 with its mark is, where a format reads text;
- text in another encoding is refused as a whole unless that is named; in a file of UTF-8 a damaged line costs
  itself alone;
- a line longer than `MAX_ROW` costs itself alone, and never the memory for it;
- lines are the same one by one and in portions (tests/engine/tables/test_lines.py).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from vlclip.engine.errors import TableError

MAX_ROW = 32_000_000
"""Bytes in one line of a CSV or JSONL file."""
DAMAGED = re.compile("[\ud800-\udfff]")
"""What stands for bytes that are no text in their file's encoding."""
_CHUNK = 1_000_000
_UTF_8 = "utf-8"


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What one look at the whole of a text file shows.

    `encoding` is Python's name. `is_clean` says that all of it can be decoded and that no line is long,
    `has_quotes` that there is a quote mark anywhere.
    """

    encoding: str
    is_clean: bool
    has_quotes: bool


def check_encoding(name: str) -> str:
    """Python's name of an encoding, "" where none is given; a `TableError` where there is no such one."""
    if not name.strip():
        return ""
    try:
        b"".decode(name.strip())
        return codecs.lookup(name.strip()).name
    except (LookupError, UnicodeError):
        raise TableError(
            f"there is no encoding {name!r}; give one such as utf-8, cp1252 or latin-1"
        ) from None


def examine(path: Path, named: str = "") -> TextFacts:
    """The facts of a file, `named` is the encoding that the operator gives.

    A `TableError` if it cannot be read, or is text in another encoding than UTF-8 and none is given.
    """
    encoding, start = _encoding(path, named)
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
                if not named:
                    _refuse_other_encodings(path)
                return TextFacts(encoding, is_clean=False, has_quotes=True)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if not named:
            _refuse_other_encodings(path)
        is_clean = False
    return TextFacts(encoding, is_clean, has_quotes)


def open_decoded(path: Path, named: str = "") -> TextIO:
    """The file as text after its byte order mark, with its line ends; damaged bytes are lone surrogates."""
    encoding, start = _encoding(path, named)
    errors = "surrogateescape" if encoding == _UTF_8 else _MARK
    file = path.open(encoding=encoding, errors=errors, newline="")
    file.seek(start)
    return file


def open_text(path: Path) -> BinaryIO:
    """The bytes of a file after its byte order mark, refused where it is UTF-16."""
    encoding, start = _encoding(path)
    if encoding != _UTF_8:
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


def portions_of_lines(file: BinaryIO, size: int) -> Iterator[list[tuple[int, bytes | None]]]:
    """What `lines_of` gives, `size` at a time and in half the time, without the ends of lines."""
    number, waiting = 0, list[tuple[int, bytes | None]]()
    while chunk := file.read(_CHUNK):
        lines: list[bytes | None] = [*chunk.split(b"\n")]
        head = lines.pop()
        if head:
            tail = file.readline(MAX_ROW - len(head))
            is_whole = tail.endswith(b"\n") or len(head) + len(tail) < MAX_ROW
            lines.append((head + tail).removesuffix(b"\n") if is_whole else None)
            while not is_whole and (tail := file.readline(MAX_ROW)):
                is_whole = tail.endswith(b"\n")
        waiting += enumerate(lines, number + 1)
        number += len(lines)
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting


def read_whole(path: Path, named: str = "") -> str:
    """All of a small file's text; a `TableError` if it cannot be read or is not text in its encoding."""
    if not examine(path, named).is_clean:
        raise TableError(f"{path} holds bytes that are no text in its encoding; mend them")
    with open_decoded(path, named) as file:
        return file.read()


def _encoding(path: Path, named: str = "") -> tuple[str, int]:
    """The encoding and where the text begins; a mark at the file's beginning is surer than a name."""
    with _open(path) as file:
        mark = file.read(3)
    if mark[:2] == b"\xff\xfe":
        return "utf-16-le", 2
    if mark[:2] == b"\xfe\xff":
        return "utf-16-be", 2
    if mark == b"\xef\xbb\xbf":
        return _UTF_8, 3
    return check_encoding(named) or _UTF_8, 0


def _refuse_other_encodings(path: Path) -> None:
    """Raise a `TableError` where more bytes are no UTF-8 than there are letters beyond ASCII."""
    encoding, _ = _encoding(path)
    if encoding != _UTF_8:
        return
    damaged = letters = lines = 0
    with open_decoded(path) as file:
        while line := file.readline(_CHUNK):
            if line.isascii():
                continue
            count = len(DAMAGED.findall(line))
            damaged += count
            letters += sum(not sign.isascii() for sign in line) - count
            lines += bool(count)
    if damaged > letters:
        raise TableError(
            f"{path} is not UTF-8 text (in {lines:,} of its lines): name its encoding, as in "
            "--encoding cp1252 (or latin-1, cp1250), or save it as UTF-8"
        )


def _as_damaged(error: UnicodeError) -> tuple[str, int]:
    """A lone surrogate for each byte that cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff" * (error.end - error.start), error.end


_MARK = "vlclip.damaged"
codecs.register_error(_MARK, _as_damaged)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
