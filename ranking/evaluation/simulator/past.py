"""A history that knows nothing of what is still to come, so that a moment that is over can be asked again.

Laws (tests/ranking/simulator/test_logs.py):
- asked again after the whole log was written, a list is what it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from ranking.events import Event, Kind
from ranking.history.sqlite import SqliteHistory


class PastEvents(SqliteHistory):
    """Events in a SQLite file of which those before `now`, in seconds since 1970, are seen."""

    now = 0.0

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The newest events of a unit that have happened."""
        return super().recent(unit, limit, before=self.now if before is None else min(before, self.now))

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items people did most with so far."""
        until = self.now if before is None else min(before, self.now)
        return super().popular(kinds, limit, since=since, before=until)
