"""What a cell of a catalogue means: text, number, yes or no, attribute, photo.

Laws (tests/ingestion/reading/test_values.py):
- None, NaN, blank text and empty lists all mean "absent";
- a value that does not fit is absent or an `ItemError`; it never becomes a default.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from vlclip.engine.errors import ItemError
from vlclip.engine.item import MAX_TEXT_CHARS, Attribute, Scalar

LARGEST_INTEGER = 2**63 - 1
_NO = {
    "false",
    "no",
    "0",
    "n",
    "f",
    "out of stock",
    "out_of_stock",
    "sold out",
    "unavailable",
    "discontinued",
}
_YES = {"true", "yes", "1", "y", "t", "in stock", "in_stock", "available", "preorder", "backorder"}
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,8})(\.\d{1,30})?")
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


def absent(value: Any) -> bool:
    """Whether a cell is empty."""
    if value is None or value == "":
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, list | tuple | dict) and not value


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


def attribute(name: str, value: Any) -> Attribute | None:
    """A cell as an attribute: a scalar or a list of scalars; None where it is neither."""
    if isinstance(value, list | tuple):
        parts = [scalar(part) for part in value]
        present = tuple(part for part in parts if part is not None)
        fits = len(present) == sum(not absent(part) for part in value)
        return present if present and fits else None
    single = scalar(value)
    if isinstance(single, str) and len(single) > MAX_TEXT_CHARS:
        raise ItemError(f"{name} has {len(single):,} characters; shorten it to at most {MAX_TEXT_CHARS:,}")
    return single


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


def written_number(value: str) -> float | int | None:
    """The number that text from a file without types stands for, None where it is no number.

    Text with leading zeros or more than nine digits is no number: those are codes and barcodes.
    """
    written = value.strip()
    if _NUMBER.fullmatch(written) is None:
        return None
    return float(written) if "." in written else int(written)


def yes_or_no(value: Any) -> bool | None:
    """A cell as a bool; a stock count means "more than none"; None where neither is clear."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > 0
    word = text(value).lower()
    if word in _NO or word in _YES:
        return word in _YES
    count = written_number(word)
    return None if count is None else count > 0


def photo(value: Any) -> bytes | str | None:
    """A cell as bytes, a path or a URL; a list gives its first, `{"bytes", "path"}` its bytes."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return photo(value[0]) if value else None
    if isinstance(value, Mapping):
        parts = (value.get(key) for key in ("bytes", "url", "src", "path"))
        return photo(next((part for part in parts if not absent(part)), None))
    if isinstance(value, bytes):
        return value or None
    address = text(value)
    if _DATA_URI.match(address[:100]):
        try:
            return base64.b64decode(address.partition(",")[2], validate=True)
        except binascii.Error:
            raise ItemError("the photo is a data: address that is not valid base64") from None
    return address or None
