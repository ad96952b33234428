"""Whether quote marks enclose cells or are part of their text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def is_quoted(lines: Iterable[str], delimiter: str) -> bool:
    """Whether the quotes of a file enclose cells.

    They do in a file whose header is quoted, and if every cell with a quote begins and ends with one and
    doubles those inside. There may be exceptions if signs of quoting are more frequent: doubled quotes, and
    lines with quotes and another width than the header (cells with line breaks or delimiters). Then those
    rows are at fault. A quote that opens the last cell of its line says nothing by itself; before a line of
    the header's width it is text.
    """
    width = quoted = plain = 0
    is_open = is_last_open = False
    for line in lines:
        if width and '"' not in line and not is_last_open:
            continue
        cells = line.rstrip("\r\n").split(delimiter)
        plain += is_last_open and len(cells) == width
        is_last_open = False
        if not width:
            width = len(cells)
            if any(_QUOTED.fullmatch(cell) for cell in cells):
                return True
            continue
        if len(cells) != width:
            quoted += 1
            continue
        for place, cell in enumerate(cells, start=1):
            if '"' not in cell:
                continue
            if _QUOTED.fullmatch(cell):
                quoted += '""' in cell[1:-1]
            elif place == width and cell[0] == '"':
                is_open = is_last_open = True
            else:
                plain += 1
    return quoted > plain or not (plain or is_open)


def swallows_rows(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether every line of a record looks like a row of its own: a stray quote made one row of them.

    In a file of two columns a short text with line breaks can look the same, so there it takes three lines.
    """
    if len(lines) <= (2 if width <= 2 else 1):
        return False
    most = (width - 2) // 2  # of the cells after the first; prose has a blank after nearly every comma
    is_first_quoted = lines[0].startswith('"')
    return not _opens_quote(lines[-1], delimiter) and all(
        line.startswith('"') == is_first_quoted and _is_row(line, delimiter, width, most) for line in lines
    )


def may_hold_rows(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether a line of a record after its first looks like a row of its own."""
    return any(_is_row(line, delimiter, width, 0) and not _opens_quote(line, delimiter) for line in lines[1:])


def _is_row(line: str, delimiter: str, width: int, blanks: int) -> bool:
    """Whether a line has the header's width, and at most `blanks` of its cells begin with a blank."""
    whole = _enclosed_cell(delimiter).sub("x", line.rstrip("\r\n")) if '"' in line else line
    first, *others = whole.split(delimiter)
    return (
        1 < width == len(others) + 1
        and bool(first.strip())
        and sum(cell.startswith(" ") for cell in others) <= blanks
    )


@lru_cache(maxsize=8)
def _enclosed_cell(delimiter: str) -> re.Pattern[str]:
    """A cell that is in quotes from its beginning to its end."""
    sign = re.escape(delimiter)
    return re.compile(f'(?:^|(?<={sign}))"(?:[^"]|"")*"(?=$|{sign})')


def _opens_quote(line: str, delimiter: str) -> bool:
    """Whether a cell after the first is in quotes or begins with one, as in files whose cells are quoted."""
    if f'"{delimiter}"' in line or any(match.start() for match in _enclosed_cell(delimiter).finditer(line)):
        return True
    cells = line.rstrip("\r\n").split(delimiter)
    return any(cell[0:1] == '"' and cell[1:2] not in ("", '"') for cell in cells[1:])
