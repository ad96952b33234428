"""Times in the cells of a table: texts, or numbers whose unit all values of the column together show.

A number of seconds, milliseconds, microseconds or nanoseconds since 1970 lies between 2000 and 2100 by one of
these units at most. So the values say which it is, and a column that mixes units is refused.

Laws (tests/ranking/tables/test_times.py):
- a moment is read the same whatever unit or text it is written in; without a zone it is UTC;
- a column is read as its cells one by one are;
- of mixed units none is chosen; a moment is never moved to another year.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np

from vlclip.ranking.errors import BadTable
from vlclip.ranking.statistics.arrays import Values
from vlclip.ranking.tables.cells import is_absent

FIRST, LAST = 946_684_800.0, 4_102_444_800.0
"""The beginnings of 2000 and of 2100 in seconds since 1970."""
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each unit a second has."""
TEXT, DAY, ORDINAL, UNREADABLE, ABSENT = "text", "day", "number", "unreadable", "absent"
NAMES = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", TEXT: "texts",
    DAY: "days such as 20191001", ORDINAL: "other numbers", UNREADABLE: "no time",
}  # fmt: skip
_TEXT = re.compile(
    r"(\d{4})[-/](\d\d?)[-/](\d\d?)"
    r"(?:[T ]+(\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?) ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?"
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - it is taken from times without a zone
_CLOCK = re.compile(r"\d\d?:\d\d(:\d\d(\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How the times of a column are written: a unit, days, texts, or numbers that only say an order."""

    form: str

    def seconds(self, cell: Any) -> float | None:
        """The time in seconds since 1970, None where it cannot be read so."""
        if self.form == TEXT:
            return text_seconds(cell)
        value = as_number(cell)
        if value is None:
            return None
        if self.form == DAY:
            return day_seconds(value)
        return value / UNITS.get(self.form, 1.0)

    def column(self, cells: Sequence[Any]) -> list[float | None]:
        """The time of each cell, faster than one by one where all are written alike."""
        moments = None
        if self.form == TEXT:
            moments = _iso_seconds(cells)
        elif self.form != DAY and (numbers := _as_numbers(cells)) is not None:
            moments = (numbers / UNITS.get(self.form, 1.0)).tolist()
        return list(map(self.seconds, cells)) if moments is None else moments


class TimeTally:
    """How the cells of one column are written, counted over all of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, cells: Iterable[Any]) -> None:
        """Count these cells too."""
        cells = list(cells)
        numbers = _as_numbers(cells)
        if numbers is None:
            self.counts.update(map(form_of, cells))
            return
        seconds = [numbers / per_second for per_second in UNITS.values()]
        counts = [int(((moments >= FIRST) & (moments < LAST)).sum()) for moments in seconds]
        self.counts.update({unit: n for unit, n in zip(UNITS, counts, strict=True) if n})
        if rest := len(cells) - sum(counts):
            self.counts[ORDINAL] += rest

    def form(self, name: str, least: float = 1.0) -> TimeForm:
        """The form that at least this share of the times has; `BadTable` where none has.

        Numbers that fit no unit only say an order, so they are the form where nothing else is there.
        """
        times = {form: n for form, n in self.counts.items() if form in (*UNITS, DAY, TEXT)}
        if not times:
            return TimeForm(ORDINAL)
        form, most = max(times.items(), key=lambda pair: pair[1])
        if most < least * sum(times.values()):
            listed = ", ".join(f"{count:,} {NAMES[other]}" for other, count in sorted(times.items()))
            raise BadTable(f"the times in {name!r} mix units: {listed}; write all of them in one unit")
        return TimeForm(form)


def form_of(cell: Any) -> str:
    """How one cell is written: a unit, `text`, `day`, `number`, `unreadable` or `absent`."""
    value = as_number(cell)
    if value is None:
        if is_absent(cell):
            return ABSENT
        return UNREADABLE if text_seconds(cell) is None else TEXT
    for unit, per_second in UNITS.items():
        if FIRST <= value / per_second < LAST:
            return unit
    return ORDINAL if day_seconds(value) is None else DAY


def looks_like_times(cells: Iterable[Any], now: float) -> bool:
    """Whether every cell that is not absent holds a moment between 2000 and tomorrow."""
    present = [cell for cell in cells if not is_absent(cell)]
    for cell in present:
        form = form_of(cell)
        moment = None if form == ORDINAL else TimeForm(form).seconds(cell)
        if moment is None or not FIRST <= moment <= now + 86_400:
            return False
    return bool(present)


def looks_like_clock(cells: Iterable[Any]) -> bool:
    """Whether every cell that is not absent holds a time of the day, `14:05` or `14:05:59`."""
    present = [cell for cell in cells if not is_absent(cell)]
    return bool(present) and all(
        isinstance(cell, time) or (isinstance(cell, str) and _CLOCK.fullmatch(cell.strip()))
        for cell in present
    )


def clock_seconds(cell: Any) -> float | None:
    """A time of the day in seconds since midnight."""
    if isinstance(cell, str) and _CLOCK.fullmatch(text := cell.strip()):
        cell = text
    elif not isinstance(cell, time):
        return None
    hours, minutes, seconds = (float(part) for part in (*str(cell).split(":"), "0")[:3])
    is_clock = hours < 24 and minutes < 60 and seconds < 61
    return hours * 3600 + minutes * 60 + seconds if is_clock else None


def is_day_only(cells: Iterable[Any]) -> bool:
    """Whether every moment in these cells is a midnight, so that they order days and no more."""
    moments = [TimeForm(form_of(cell)).seconds(cell) for cell in cells if not is_absent(cell)]
    return bool(moments) and all(moment is not None and moment % 86_400 == 0 for moment in moments)


def _as_numbers(cells: Sequence[Any]) -> Values | None:
    """Cells that all hold numbers, none of them a day, as an array; None for other cells."""
    kinds = set(map(type, cells))
    if not cells or not kinds <= {int, float, str}:
        return None
    if str in kinds and "-" in "".join(cell for cell in cells if type(cell) is str):
        return None  # as `as_number` says
    try:
        numbers = np.array(cells, dtype=np.float64)
    except (ValueError, OverflowError):
        return None
    is_other = ~np.isfinite(numbers) | ((numbers >= 20_000_101) & (numbers <= 20_991_231))
    return None if is_other.any() else numbers


def as_number(cell: Any) -> float | None:
    """A cell as a finite number where it is written as one."""
    if isinstance(cell, bool | date | time) or cell is None:
        return None
    if isinstance(cell, str) and ("-" in cell[1:] or ":" in cell):
        return None  # the commonest texts, without the cost of an exception
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def day_seconds(value: float) -> float | None:
    """The midnight that a number such as 20191001 names, UTC."""
    if not 20_000_101 <= value <= 20_991_231 or value != int(value):
        return None
    day = int(value)
    try:
        return datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def text_seconds(cell: Any) -> float | None:
    """A date or a time as text, `2019-10-01 00:00:00 UTC`, or as Python's own; without a zone it is UTC."""
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp()
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if text[4:5] == "-" == text[7:8]:  # ISO 8601, which Python reads ten times as fast
        try:
            moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        except ValueError:
            pass
        else:
            return (moment - _EPOCH).total_seconds() if moment.tzinfo is None else moment.timestamp()
    parts = _TEXT.fullmatch(text)
    return None if parts is None else _seconds_of(*parts.groups())


def _iso_seconds(cells: Sequence[Any]) -> list[float | None] | None:
    """`text_seconds` of cells that are all written as ISO 8601 says, None for other cells."""
    if set(map(type, cells)) != {str}:
        return None
    texts = list(map(str.strip, cells))
    if {text[4:8:3] for text in texts} != {"--"}:
        return None
    try:
        moments = [datetime.fromisoformat(text.removesuffix(" UTC")) for text in texts]
    except ValueError:
        return None
    return [
        (moment - _EPOCH).total_seconds() if moment.tzinfo is None else moment.timestamp()
        for moment in moments
    ]


def _seconds_of(year: str, month: str, day: str, clock: str | None, zone: str | None) -> float | None:
    try:
        midnight = datetime(int(year), int(month), int(day), tzinfo=UTC).timestamp()
    except ValueError:
        return None
    seconds = clock_seconds(clock.replace(",", ".")) if clock else 0.0
    return None if seconds is None else midnight + seconds - _offset(zone or "Z")


def _offset(zone: str) -> float:
    """The seconds by which the clocks of a zone are ahead of UTC."""
    if zone in ("Z", "UTC", "GMT"):
        return 0.0
    digits = zone[1:].replace(":", "")
    return (-1 if zone[0] == "-" else 1) * (int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60)
