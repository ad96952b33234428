"""Values as people read them, in tables, pages and pictures.

Laws (tests/service/reports/test_replay.py):
- a value that is not known is said to be so, and never shown as a number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlclip.ranking.statistics.bootstrap import Figure

UNKNOWN = "not known"
EXPONENT_FROM = 1e6
"""Numbers from here on are written with an exponent."""


def decimals_of(figure: Figure) -> int:
    """How many decimals show two digits of a figure's uncertainty."""
    half = (figure.high - figure.low) / 2
    uncertainty = half if isfinite(half) and half > 0 else abs(figure.value) / 100
    return min(6, max(0, 1 - floor(log10(uncertainty)))) if isfinite(uncertainty) and uncertainty > 0 else 3


def format_number(value: float, digits: int, *, sign: bool = False) -> str:
    """A value with this many decimals; a change with its sign."""
    if isfinite(value) and abs(value) >= EXPONENT_FROM:
        return f"{value:{'+' if sign else ''}.3g}"
    return format_fixed(value, digits, sign=sign)


def format_fixed(value: float, digits: int, *, sign: bool = False, thousands: bool = True) -> str:
    """A value with this many decimals, however large; without `thousands` its digits are not grouped."""
    if not isfinite(value):
        return UNKNOWN
    return f"{value:{'+' if sign else ''}{',' if thousands else ''}.{digits}f}"


def format_interval(figure: Figure, digits: int, *, sign: bool = False) -> str:
    """An interval: `0.12 to 0.14`."""
    if not (isfinite(figure.low) and isfinite(figure.high)):
        return UNKNOWN
    return (
        f"{format_number(figure.low, digits, sign=sign)} to {format_number(figure.high, digits, sign=sign)}"
    )


def format_narrow_interval(figure: Figure, digits: int) -> str:
    """An interval for narrow columns, without the zeros before the points."""
    low, high = (f"{bound:.{digits}f}".removeprefix("0") for bound in (figure.low, figure.high))
    return f"{low}–{high}"  # noqa: RUF001 - the dash of intervals


def format_figure(figure: Figure, digits: int, *, sign: bool = False) -> str:
    """A value with its interval in brackets; each end says by itself whether it is known."""
    low, high = (format_number(end, digits, sign=sign) for end in (figure.low, figure.high))
    return f"{format_number(figure.value, digits, sign=sign)} ({low} to {high})"


def format_error(figure: Figure, digits: int) -> str:
    """A value and half the width of its interval, if that is not 0: `0.1250 ± 0.0031`."""
    half = (figure.high - figure.low) / 2
    return f"{figure.value:.{digits}f} ± {half:.{digits}f}" if half else f"{figure.value:.{digits}f}"


def format_magnitude(value: float) -> str:
    """A number of which the size matters more than its digits: a weight, a parameter, a sample size."""
    if not isfinite(value):
        return UNKNOWN
    return f"{value:,.0f}" if 100 <= abs(value) < EXPONENT_FROM else f"{value:.3g}"


def format_value(value: object) -> str:
    """A named figure of any type: four digits of a float, all of a whole number, a text as it is."""
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def format_share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f} %" if isfinite(value) else UNKNOWN


def format_day(time: float) -> str:
    """The date of a time in seconds since 1970, UTC."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()
