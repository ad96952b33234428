"""Outcomes: the events that came of each item of a list.

Laws (tests/ranking/experiments/test_exposures.py):
- an event counts only in the list it names, whoever sent it and however late: for the item it names, or,
  where that was not shown, for the first card whose variant it was when the list was served;
- so no event counts twice, and whichever variant of a card is clicked, the card was;
- every item of every list has an outcome; most often nothing came of it.
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
    """How often an item was clicked, put in the cart and bought from one list, and the value of that.

    `first_click` is in seconds since 1970, UTC; None without a click.
    """

    clicks: int = 0
    carts: int = 0
    purchases: int = 0
    first_click: float | None = None
    value: float = 0.0


Logged = tuple[Exposure, tuple[Outcome, ...]]
"""A list and the outcomes of its items, in their order."""

NOTHING = Outcome()


def joined(batches: Iterable[Sequence[Exposure]], history: History) -> Iterator[list[Logged]]:
    """Each list with the outcomes of its items; the history is read once for each batch."""
    for batch in batches:
        events = history.clicked([exposure.request_id for exposure in batch])
        yield [(exposure, _outcomes(exposure, events.get(exposure.request_id, ()))) for exposure in batch]


def _outcomes(exposure: Exposure, events: Sequence[Event]) -> tuple[Outcome, ...]:
    if not events:
        return (NOTHING,) * len(exposure.items)
    places: dict[str, int] = {}
    for place, item in enumerate(exposure.items):
        places.setdefault(item.item, place)
    for place, item in enumerate(exposure.items):
        for variant in item.variants:
            places.setdefault(variant, place)
    by_place: dict[int, list[Event]] = {}
    for event in events:
        if (at := places.get(event.item)) is not None:
            by_place.setdefault(at, []).append(event)
    return tuple(outcome(by_place.get(place, ())) for place in range(len(exposure.items)))


def outcome(events: Sequence[Event]) -> Outcome:
    """The outcome of one item in one list, from its events."""
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
