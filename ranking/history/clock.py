"""The time that retention goes by: it follows the machine's clock, but no leap of it.

A clock that is wrong by a year would otherwise remove a year of events at the next write. So every history
keeps the time of its last look at the clock. A clock that has leapt since is not followed: nothing more is
removed, and a loud line says so, until the clock is right again or somebody confirms it.

Laws (tests/ranking/history/test_clock.py):
- a clock that moves by at most a day between two questions is followed, however far it comes in the end;
- after a leap ahead no event is removed that was kept before it; after a leap back none at all;
- a clock that comes back is followed again; a leap that is confirmed is followed too.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from vlclip.ranking.settings import DAY_S

LOOK_S = 60.0
"""The time between two looks at the clock."""
LEAP_S = DAY_S + LOOK_S
"""The longest step between two looks that is followed unasked: a day, and what passes until the next."""

log = logging.getLogger("vlclip.history")


class Keeping(Protocol):
    """Where the trusted time is kept, beside the events."""

    def load(self) -> float | None:
        """The trusted time, None where there is none yet."""
        ...

    def newest(self, before: float) -> float | None:
        """The time of the newest event that is not after `before`, None where there is none."""
        ...

    def save(self, trusted: float) -> None:
        """Keep it."""
        ...


def horizon(retention_days: float, now: float) -> float:
    """The oldest time that is kept, in seconds since 1970; with 0 days everything is kept."""
    return now - retention_days * DAY_S if retention_days else -math.inf


def followed(trusted: float | None, now: float) -> float:
    """The trusted time after a look at a clock that shows `now`."""
    return now if trusted is None or abs(now - trusted) <= LEAP_S else trusted


def leap_warning(trusted: float, now: float) -> str:
    """What to say of a clock that has leapt since the trusted time; "" where it has not."""
    leap = now - trusted
    if abs(leap) <= LEAP_S:
        return ""
    return (
        f"this machine's clock shows {moment(now)}, {abs(leap) / DAY_S:,.1f} days "
        f"{'after' if leap > 0 else 'before'} the history's last look at it ({moment(trusted)}): no old "
        "events are removed; put the clock right, or run `vlclip history-clock --confirm` if it is right"
    )


def moment(seconds: float) -> str:
    """A time in seconds since 1970 as people read it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s since 1970"


class RetentionClock:
    """The retention of one history; safe to use from several threads, as looks may be repeated."""

    def __init__(self, retention_days: float, clock: Callable[[], float], keeping: Keeping) -> None:
        self._retention_days, self._clock, self._keeping = retention_days, clock, keeping
        self._looked = self._trusted = -math.inf
        self._warning = ""

    @property
    def oldest(self) -> float:
        """The oldest time that is kept, in seconds since 1970."""
        return horizon(self._retention_days, min(self._look(), self._trusted))

    @property
    def warning(self) -> str:
        """What to say of a clock that has leapt, "" where it has not."""
        self._look()
        return self._warning

    def confirm(self) -> None:
        """Take the clock for right."""
        now = self._clock()
        self._keeping.save(now)
        self._looked, self._trusted, self._warning = now, now, ""

    def _look(self) -> float:
        now = self._clock()
        if not self._looked <= now < self._looked + LOOK_S:
            before = self._keeping.load()
            is_new = before is None
            if before is None:  # of a history that was begun by an older version
                before = self._keeping.newest(now + LEAP_S)
            trusted = followed(before, now)
            if is_new or trusted == now:
                self._keeping.save(trusted)
            warning = leap_warning(trusted, now)
            if warning and not self._warning:
                log.error("%s", warning)
            elif self._warning and not warning:
                log.warning("the clock is followed again: old events are removed")
            self._looked, self._trusted, self._warning = now, trusted, warning
        return now


class KeptByClock:
    """What the histories share of the clock; they are what their `RetentionClock` keeps its time in."""

    _retention: RetentionClock

    @property
    def oldest(self) -> float:
        """The oldest time that is kept, in seconds since 1970."""
        return self._retention.oldest

    @property
    def clock_warning(self) -> str:
        """What to say of a clock that has leapt since the last look at it, "" where it has not."""
        return self._retention.warning

    def confirm_clock(self) -> None:
        """Take the machine's clock for right, after a leap."""
        self._retention.confirm()
