"""A history whose file may be damaged: the shop goes on without it, and whoever relies on it is told.

Laws (tests/ranking/history/test_guarded.py):
- where the file is damaged, lists are made as for new shoppers; nobody gets an error for it;
- what is to be written, forgotten or shown of a damaged history is refused with `DamagedHistory`;
- damage that is noticed once stays until the history is opened again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from vlclip.ranking.errors import DamagedHistory
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import Added, BulkHistory

T = TypeVar("T")
log = logging.getLogger("vlclip.history")


class GuardedHistory:
    """What `opening` gives, or a stand-in that refuses everything where its file is damaged."""

    def __init__(self, opening: Callable[[], BulkHistory]) -> None:
        self._history: BulkHistory | None = None
        self.damage = ""
        """What is wrong with the file; "" while nothing is known to be."""
        try:
            self._history = opening()
        except DamagedHistory as error:
            self._note(error)

    def add(self, events: Sequence[Event]) -> int:
        """As the history's."""
        return self._ask(lambda history: history.add(events))

    def add_groups(self, groups: Sequence[Sequence[Event]]) -> list[Added]:
        """As the history's."""
        return self._ask(lambda history: history.add_groups(groups))

    def add_batch(self, batch: EventBatch) -> int:
        """As the history's."""
        return self._ask(lambda history: history.add_batch(batch))

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """As the history's."""
        return self._ask(lambda history: history.recent(unit, limit, before=before))

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """As the history's."""
        return self._ask(lambda history: history.popular(kinds, limit, since=since, before=before))

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """As the history's."""
        return self._ask(lambda history: history.sequences(before=before))

    def units(self) -> Iterator[str]:
        """As the history's."""
        return self._ask(lambda history: history.units())

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """As the history's."""
        return self._ask(lambda history: history.clicked(request_ids))

    def forget(self, unit: str) -> int:
        """As the history's."""
        return self._ask(lambda history: history.forget(unit))

    def expire(self, before: float) -> int:
        """As the history's."""
        return self._ask(lambda history: history.expire(before))

    def count(self) -> int:
        """As the history's."""
        return self._ask(lambda history: history.count())

    def remove_after(self, time: float) -> int:
        """As the history's."""
        return self._ask(lambda history: history.remove_after(time))

    def count_after(self, time: float) -> int:
        """As the history's."""
        return self._ask(lambda history: history.count_after(time))

    @property
    def largest_batch(self) -> int:
        """As the history's."""
        return self._history.largest_batch if self._history is not None else 1

    @property
    def oldest(self) -> float:
        """As the history's."""
        return self._ask(lambda history: history.oldest)

    @property
    def clock_warning(self) -> str:
        """As the history's."""
        return self._ask(lambda history: history.clock_warning)

    def confirm_clock(self) -> None:
        """As the history's."""
        return self._ask(lambda history: history.confirm_clock())

    def close(self) -> None:
        """As the history's."""
        if self._history is not None:
            self._history.close()

    def _ask(self, call: Callable[[BulkHistory], T]) -> T:
        if self._history is None or self.damage:
            raise DamagedHistory(self.damage)
        try:
            return call(self._history)
        except DamagedHistory as error:
            self._note(error)
            raise

    def _note(self, error: DamagedHistory) -> None:
        if not self.damage:
            self.damage = str(error)
            log.error("lists are made without history, and events are refused: %s", error)


class LenientHistory:
    """What makes lists reads a history through: nobody did anything where it is damaged."""

    def __init__(self, history: GuardedHistory) -> None:
        self._history = history

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """As the history's, or nothing."""
        try:
            return self._history.recent(unit, limit, before=before)
        except DamagedHistory:
            return []

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """As the history's, or nothing."""
        try:
            return self._history.popular(kinds, limit, since=since, before=before)
        except DamagedHistory:
            return {}

    def add(self, events: Sequence[Event]) -> int:
        """As the history's."""
        return self._history.add(events)

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """As the history's."""
        return self._history.sequences(before=before)

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """As the history's."""
        return self._history.clicked(request_ids)

    def forget(self, unit: str) -> int:
        """As the history's."""
        return self._history.forget(unit)

    def expire(self, before: float) -> int:
        """As the history's."""
        return self._history.expire(before)

    def count(self) -> int:
        """As the history's."""
        return self._history.count()

    def close(self) -> None:
        """Its owner closes the history."""
