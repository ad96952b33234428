"""What a cell of a catalogue means: text, number, attribute, identifier.

Laws (tests/ingestion/reading/test_values.py):
- None, NaN, blank text, and lists and objects of nothing else all mean "absent";
- a value that does not fit is absent or an `ItemError`; it never becomes a default.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

import orjson

from vlclip.engine.errors import ItemError
from vlclip.engine.item import Attribute, Scalar

LARGEST_INTEGER = 2**63 - 1
LONGEST_LITERAL = 100_000
"""Characters of a list or object that is written as Python writes it."""
DEPTH = 4
"""Levels of lists and objects that are searched for a value."""
NumberStyle = Literal["whole", "point", "comma", "thousands"]
"""How a number is written: `7`, `7.5`, `7,5`, `7,500`."""
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,8})((?P<sign>[.,])(?P<cents>\d{1,30}))?")


def absent(value: Any, depth: int = DEPTH) -> bool:
    """Whether a cell is empty; lists and objects are when all in them is, down to `depth` levels."""
    if value is None or value == "":
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, list | tuple):
        return not value or (depth > 0 and all(absent(part, depth - 1) for part in value))
    if isinstance(value, dict):
        return not value or (depth > 0 and all(absent(part, depth - 1) for part in value.values()))
    return False


def text(value: Any) -> str:
    """A cell as text; lists are joined by blanks, objects and bytes give ""."""
    if isinstance(value, str):
        return value.strip()
    if absent(value) or isinstance(value, bytes | Mapping):
        return ""
    if isinstance(value, list | tuple):
        return " ".join(part for part in map(text, value) if part)
    return str(scalar(value) if scalar(value) is not None else "")


def scalar(value: Any) -> Scalar | None:
    """A cell as one filterable value, None where it is absent or no scalar.

    Dates become ISO 8601 text, whole floats stay floats, infinity and NaN are absent.
    """
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INTEGER else _finite(value)
    if isinstance(value, float | Decimal):
        return _finite(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return None


def _finite(value: float | Decimal) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def attribute(value: Any) -> Attribute | None:
    """A cell as an attribute: a scalar or a list of scalars; None where it is neither."""
    if type(value) is str:
        return value.strip() or None
    if isinstance(value, list | tuple):
        parts = [scalar(part) for part in value]
        present = tuple(part for part in parts if part is not None)
        fits = len(present) == sum(not absent(part) for part in value)
        return present if present and fits else None
    return scalar(value)


def identifier(value: Any) -> str:
    """A cell as an item id; 17.0, as spreadsheets write whole numbers, is 17.

    Whole numbers of any size are written out: as floats, neighbours would become one id.
    """
    if isinstance(value, bool | list | tuple):
        return ""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return text(value)


def number(name: str, value: Any) -> float | None:
    """A cell as a finite number, None for NaN; an `ItemError` where it is anything else."""
    try:
        parsed = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ItemError(f"{name} {str(value)[:40]!r} is not a number; correct it or leave it empty") from None
    if math.isinf(parsed):
        raise ItemError(f"{name} is infinite; correct it or leave it empty")
    return None if math.isnan(parsed) else parsed


def written_as(value: str) -> NumberStyle | None:
    """How a number is written in text from a file without types, None where it is no number.

    Text with leading zeros or more than nine digits is no number: those are codes and barcodes. A comma
    before exactly three digits, `thousands`, may be either sign.
    """
    match = _NUMBER.fullmatch(value.strip())
    if match is None:
        return None
    sign = match["sign"]
    if not sign:
        return "whole"
    if sign == ".":
        return "point"
    return "thousands" if len(match["cents"]) == 3 else "comma"


def decimal_sign(styles: Collection[NumberStyle | None], *, comma: bool) -> str:
    """The decimal sign of a column whose cells are written in these styles, "" if it holds other text.

    `comma` says whether a comma can be a decimal sign in this file at all.
    """
    if not styles or None in styles:
        return ""
    if {"comma", "thousands"}.isdisjoint(styles):
        return "."
    return "," if comma and "comma" in styles and "point" not in styles else ""


def written_number(value: str, sign: str = ".") -> float | int | None:
    """The number that text from a file without types stands for, None where it is no number.

    `sign` is the decimal sign of its column.
    """
    written = value.strip()
    match = _NUMBER.fullmatch(written)
    if match is None or match["sign"] not in (None, sign):
        return None
    return float(written.replace(",", ".")) if match["sign"] else int(written)


def written_container(cell: str) -> list[Any] | tuple[Any, ...] | dict[Any, Any] | None:
    """The list or object that a text writes as JSON or Python, None where it writes neither."""
    try:
        content = orjson.loads(cell)
    except orjson.JSONDecodeError:
        try:
            content = ast.literal_eval(cell) if len(cell) < LONGEST_LITERAL else None
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return content if isinstance(content, list | tuple | dict) else None
