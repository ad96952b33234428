"""What every store of events must do. SQLite and Redis stand behind it.

Laws (tests/contract/test_history.py runs them over both):
- an event is kept once, however often and in whatever batches its id is sent; the first one stays;
- `recent` gives a unit's newest events first, of equal times the one sent last first, none later than asked;
- events of items nobody knows are kept like any other;
- a forgotten unit has no events, not even after the process starts again; others keep theirs;
- events older than the store's retention are not kept, neither when they come nor when they become so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.settings import DAY_S


class History(Protocol):
    """Events by unit; safe to use from several threads. What cannot be done is a `HistoryError`."""

    def add(self, events: Sequence[Event]) -> int:
        """Keep the events, all or none; how many of their ids were new.

        Those older than the retention are left out and not counted.
        """
        ...

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The `limit` newest events of a unit, newest first; with `before` those earlier than that time."""
        ...

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items people did most with: the sum of their events' weights by kind, largest first.

        Events from `since` on and before `before` count. Of equal sums the smaller id comes first; items
        whose sum is not over 0 are left out.
        """
        ...

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """Every unit with its events, oldest first; units in no particular order.

        It is read in parts: what is added or removed meanwhile may be in it or not.
        """
        ...

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that came of these lists, by request id, oldest first; no list without any."""
        ...

    def forget(self, unit: str) -> int:
        """Remove every event of a unit, for good; how many there were.

        `HistoryError` where a trace may be left; asked again it is tried again.
        """
        ...

    def expire(self, before: float) -> int:
        """Remove the events earlier than this time; how many there were."""
        ...

    def count(self) -> int:
        """How many events are kept."""
        ...

    def close(self) -> None:
        """Let go of files and connections; safe to call twice."""
        ...


def horizon(retention_days: float, now: float) -> float:
    """The time before which nothing is kept, in seconds since 1970; 0 days keep everything."""
    return now - retention_days * DAY_S if retention_days else -math.inf
