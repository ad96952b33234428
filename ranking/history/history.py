"""The protocol of every store of events; SQLite and Redis implement it.

Laws (tests/contract/test_history.py runs them over both):
- an event is stored once, however often and in whatever batches it is sent; of events of one unit, kind and
  id the first one stays;
- of every group of events it is said how many were new, repeated, and older than the retention;
- `recent` returns a unit's newest events first; of equal times the one sent last comes first, and none is
  later than `before`;
- events of unknown items are stored like any other;
- a forgotten unit has no events, not even after a restart; other units keep theirs;
- events older than the retention are not stored, and stored events are removed when they become older; by a
  clock that has leapt nothing is removed (`ranking/history/clock.py`).

An event's id is its unit's and kind's own: the same id of another user, session or kind is another event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of some events: `old` ones are older than the retention, and are not kept."""

    new: int = 0
    repeated: int = 0
    old: int = 0


class History(Protocol):
    """Events by unit; safe to use from several threads. A failure raises `HistoryError`."""

    def add(self, events: Sequence[Event]) -> int:
        """Add the events, all or none; the number of new ones.

        Events older than the retention are left out and not counted.
        """
        ...

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The `limit` newest events of a unit before the time `before`, newest first."""
        ...

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items with the largest sums of event weights by kind, and these sums, largest first.

        Events from `since` on and before `before` count. Of equal sums the smaller id comes first; items
        whose sum is not over 0 are left out.
        """
        ...

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """Every unit with its events, oldest first; the units in no particular order.

        It is read in parts, so events that are added or removed meanwhile may be in it or not.
        """
        ...

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that came of these lists, by request id, oldest first; only of lists with events."""
        ...

    def forget(self, unit: str) -> int:
        """Remove every event of a unit, for good; the number of events removed.

        `HistoryError` if a trace may be left; then try again.
        """
        ...

    def expire(self, before: float) -> int:
        """Remove the events before this time; the number of events removed."""
        ...

    def count(self) -> int:
        """The number of events."""
        ...

    def close(self) -> None:
        """Close files and connections; safe to call twice."""
        ...


class BulkHistory(History, Protocol):
    """A history that takes whole logs, and the events of many senders at once."""

    def units(self) -> Iterator[str]:
        """The name of every unit with an event, in the order of names; it is read in parts."""
        ...

    @property
    def largest_batch(self) -> int:
        """How many events are best added at once where there are many."""
        ...

    def add_batch(self, batch: EventBatch) -> int:
        """As `add`, for events as columns."""
        ...

    def add_groups(self, groups: Sequence[Sequence[Event]]) -> list[Added]:
        """Add the events of several senders, all or none; once it returns, they are on disk."""
        ...

    @property
    def oldest(self) -> float:
        """The oldest time that is kept, in seconds since 1970."""
        ...

    @property
    def clock_warning(self) -> str:
        """What to say of a clock that has leapt since the last look at it, "" where it has not."""
        ...

    def confirm_clock(self) -> None:
        """Take the machine's clock for right, after a leap."""
        ...

    def remove_after(self, time: float) -> int:
        """Remove the events after this time; the number of events removed."""
        ...

    def count_after(self, time: float) -> int:
        """The number of events after this time."""
        ...
