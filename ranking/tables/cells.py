"""What a cell holds: an id, a number, or nothing.

Laws (tests/ranking/tables/test_cells.py):
- `NA`, `null`, `NaN`, blanks and the like are nothing, in every file format;
- an id is the same text whether its file has types or not; leading zeros stay;
- a column is read as its cells one by one are;
- a number is the same with a decimal comma and with a decimal point.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from types import NoneType
from typing import Any

ABSENT = frozenset({
    "", "NA", "N/A", "n/a", "null", "NULL", "Null", "none", "None", "NaN", "nan", "<NA>", "\\N", "(not set)",
})  # fmt: skip
"""Texts that other programs write where there is nothing."""
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


def is_absent(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    if isinstance(cell, str):
        return cell in ABSENT or cell.strip() in ABSENT
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def identifier(cell: Any) -> str:
    """A cell as an id, "" where it holds none; 17.0, as programs write whole numbers, is 17."""
    if isinstance(cell, str):
        text = cell.strip()
        return "" if text in ABSENT else text
    if cell is None or isinstance(cell, bool | bytes | list | tuple | dict):
        return ""
    if isinstance(cell, float | Decimal):
        if not math.isfinite(cell):
            return ""
        return str(int(cell)) if cell == int(cell) else str(cell)
    return str(cell)


def identifiers(cells: Sequence[Any]) -> Sequence[str]:
    """Each cell as an id, faster than one by one where all are texts or all are whole numbers."""
    kinds = set(map(type, cells))
    if kinds == {str}:
        texts = list(map(str.strip, cells))
        return texts if ABSENT.isdisjoint(texts) else ["" if text in ABSENT else text for text in texts]
    if kinds <= {NoneType}:
        return [""] * len(cells)
    return list(map(str if kinds == {int} else identifier, cells))


def present(cells: Sequence[Any]) -> Sequence[Any]:
    """The cells, with None in place of those that hold nothing."""
    kinds = set(map(type, cells))
    if kinds <= {int, NoneType} or (kinds == {str} and ABSENT.isdisjoint(map(str.strip, cells))):
        return cells
    return [None if is_absent(cell) else cell for cell in cells]


def number(cell: Any) -> float | None:
    """A cell as a finite number, None where it is none; "1,5" is 1.5."""
    if isinstance(cell, bool) or is_absent(cell):
        return None
    if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip()):
        cell = cell.replace(",", ".")
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
