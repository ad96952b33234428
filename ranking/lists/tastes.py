"""The interests of each shopper, from history and vectors; cached until there is a new event.

Laws (tests/ranking/lists/test_tastes.py):
- a new event, a removed event and another arm's profile count at once, a changed item within a minute;
- at most `SHOPPERS` shoppers are cached.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlclip.engine.space import FusedSpace
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import History
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.lists.profile import Interest, interests
from vlclip.ranking.lists.vectors import FRESH_S, Vectors

SHOPPERS = 10_000
"""The most shoppers whose interests are cached."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Interests, the kinds and ids of the events they are made from, and when they were made."""

    event_ids: Sequence[tuple[str, str]]
    made_at: float
    interests: list[Interest]


class Tastes:
    """Interests by shopper; safe to use from several threads."""

    def __init__(
        self,
        space: FusedSpace,
        vectors: Vectors,
        history: History | None,
        clock: Callable[[], float],
    ) -> None:
        self._space, self._vectors, self._history, self._clock = space, vectors, history, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    def get(self, shopper: str, profile: Profile) -> tuple[list[Interest], list[Event]]:
        """A shopper's interests, heaviest first, and the events they are made from, newest first."""
        if self._history is None or not shopper:
            return [], []
        events = self._history.recent(shopper, profile.events)
        ids, now = [(event.kind, event.id) for event in events], self._clock()
        key = (shopper, profile.model_dump_json())
        with self._lock:
            entry = self._known.get(key)
        if entry is None or entry.event_ids != ids or not 0 <= now - entry.made_at < FRESH_S:
            entry = _Entry(ids, now, self._interests(events, profile))
            with self._lock:
                self._known[key] = entry
                self._known.move_to_end(key)
                while len(self._known) > SHOPPERS:
                    self._known.popitem(last=False)
        return entry.interests, events

    def _interests(self, events: Sequence[Event], profile: Profile) -> list[Interest]:
        vectors = self._vectors.get([event.item for event in events])
        return interests(events, vectors, self._space, profile)
