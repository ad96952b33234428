"""What came of each item of a list: the events that name the list and the item.

Laws (tests/ranking/experiments/test_exposures.py):
- an event counts for the item it names in the list it names, whoever sent it and however late, and for
  nothing else;
- every item of every list has an outcome, most often none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.history.event_kinds import EVENT_KINDS, CountsAs
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import History


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often an item was clicked, put in the cart and bought from one list, and what that brought.

    `first_click` is in seconds since 1970, UTC, None without a click.
    """

    clicks: int = 0
    carts: int = 0
    purchases: int = 0
    first_click: float | None = None
    value: float = 0.0


Logged = tuple[Exposure, tuple[Outcome, ...]]
"""A list and what came of its items, in their order."""

NOTHING = Outcome()


def joined(batches: Iterable[Sequence[Exposure]], history: History) -> Iterator[list[Logged]]:
    """Each list with the outcomes of its items; the history is asked once a batch."""
    for batch in batches:
        events = history.clicked([exposure.request_id for exposure in batch])
        yield [(exposure, _outcomes(exposure, events.get(exposure.request_id, ()))) for exposure in batch]


def _outcomes(exposure: Exposure, events: Sequence[Event]) -> tuple[Outcome, ...]:
    if not events:
        return (NOTHING,) * len(exposure.items)
    return tuple(outcome([event for event in events if event.item == item.item]) for item in exposure.items)


def outcome(events: Sequence[Event]) -> Outcome:
    """What the events of one item in one list come to."""
    clicks, carts, purchases = (_counting(events, name) for name in ("click", "cart", "purchase"))
    return Outcome(
        clicks=len(clicks),
        carts=len(carts),
        purchases=len(purchases),
        first_click=min((event.time for event in clicks), default=None),
        value=sum(event.value or 0.0 for event in purchases),
    )


def _counting(events: Sequence[Event], counts_as: CountsAs) -> list[Event]:
    return [event for event in events if EVENT_KINDS[event.kind].counts_as == counts_as]
