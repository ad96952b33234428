"""What a store holds after a kill, compared with what had been answered or finished before.

- an item is as it was last answered, or as the one request under way would make it; else it is *lost*;
- an event that was answered is there; else it is lost; no event or item is there *twice*;
- an item whose checksums or vector do not fit it is *damaged*.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from shop import Shoppers, State, direction, settings_of

from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.sqlite import SqliteHistory

LOST, DOUBLED, DAMAGED, REFUSED = "lost", "doubled", "damaged", "refused"


def inspect(store: str, units: Iterable[str]) -> dict[str, Any]:
    """What a store holds."""
    settings = settings_of(store)
    items: dict[str, list] = {}
    doubled = damaged = 0
    with closing(open_store(store, settings)) as opened:
        fingerprint = opened.info.fingerprint
        for page in opened.scan(with_vector=True):
            for record in page:
                doubled += record.id in items
                items[record.id] = [record.payload["title"], record.payload["price"]]
                expected = direction(fingerprint, record.payload["title"])
                expected /= np.linalg.norm(expected)
                damaged += record.vector is None or float(record.vector[4:] @ expected) < 0.999
        doubled += opened.count() - len(items)
        damaged += sum(verdict.is_damaged for page in opened.examine() for verdict in page)
    events = Counter()
    with closing(SqliteHistory(Path(store) / "records" / "history.sqlite")) as history:
        for unit in units:
            events.update(event.id for event in history.recent(unit, 10**6))
    return {
        "items": items,
        "doubled": doubled,
        "damaged": damaged,
        "events": events,
        "fingerprint": fingerprint,
    }


def states_of(there: Mapping[str, Any]) -> dict[str, State]:
    """The items of what `inspect` gave, as JSON left it."""
    return {key: tuple(value) for key, value in there["items"].items()}


class Judge:
    """Counts what is lost, there twice, or damaged, and prints the first of each."""

    def __init__(self) -> None:
        self.figures = Counter({LOST: 0, DOUBLED: 0, DAMAGED: 0, REFUSED: 0})

    @property
    def is_content(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.figures[name] for name in (LOST, DOUBLED, DAMAGED, REFUSED))

    def compare(
        self, there: Mapping[str, Any], truth: Mapping[str, State], possible: Mapping[str, State], where: str
    ) -> None:
        """A store with its truth; `possible` are items that one request or run under way may have changed."""
        states = states_of(there)
        wrong = [
            f"{key} is {states.get(key)}, not {truth.get(key)} or {possible.get(key, 'nothing else')}"
            for key in {*truth, *possible, *states}
            if states.get(key) not in (truth.get(key), possible.get(key, truth.get(key)))
        ]
        self.figures["items compared"] += len({*truth, *states})
        self.figures[LOST] += len(wrong)
        self._count(there)
        _print(wrong, where)

    def compare_events(self, there: Mapping[str, Any], shoppers: Shoppers, where: str) -> None:
        """The events of a store with what was answered, and with all that were sent."""
        events = Counter(there["events"])
        lost = [event for event in shoppers.events if event not in events]
        self.figures["events answered"] += len(shoppers.events)
        self.figures[LOST] += len(lost)
        self.figures[DOUBLED] += sum(events.values()) - len(events) + len(events.keys() - shoppers.sent)
        self.figures[REFUSED] += len(shoppers.errors)
        _print(lost + shoppers.errors, where)

    def compare_backup(
        self, there: Mapping[str, Any], answered: Iterable[str], pasts: Mapping[str, list[State]]
    ) -> None:
        """A restored backup with the events answered before it began, and what each item was since then."""
        states, events = states_of(there), Counter(there["events"])
        self.figures["backups restored"] += 1
        self.figures[LOST] += sum(event not in events for event in answered)
        self.figures[LOST] += sum(states.get(key) not in past for key, past in pasts.items())
        self.figures[DOUBLED] += sum(events.values()) - len(events)
        self._count(there)

    def _count(self, there: Mapping[str, Any]) -> None:
        self.figures[DOUBLED] += there["doubled"]
        self.figures[DAMAGED] += there["damaged"]


def _print(lines: list[str], where: str) -> None:
    for line in lines[:5]:
        print(f"{where}: {line}", file=sys.stderr)
