"""Lists as a page shows them: ranked and logged as over HTTP, each result a card with the parts of its score.

Laws (tests/service/page/test_page.py):
- a list on a page is in the log once, by the arm of the shopper who looks at it;
- a card leads to its item through a click that names the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from vlclip.engine.segments import SEGMENT_KINDS
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, POPULAR, Answer
from vlclip.service.page.form import WEIGHT, Form
from vlclip.service.page.photos import ItemPhotos
from vlclip.service.shop.served_list import ServedList
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.shoppers import ListRequest

SAID = {
    **{kind.name: kind.label for kind in SEGMENT_KINDS.values()},
    LEXICAL: "exact",
    HISTORY: "history",
    POPULAR: "popular",
    "diversity": "variety",
}
"""Score parts in a shopper's words; others say themselves."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a score: `left` and `width` in percent of the rail, on which 0 is at the list's `zero`."""

    name: str
    said: str
    value: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Card:
    """One item as it is shown; `photo` is the address of its photo, "" where there is none to show."""

    id: str
    title: str
    price: str
    photo: str
    href: str
    score: float = 0.0
    bars: Sequence[Bar] = ()


@dataclass(frozen=True, slots=True)
class Shelf:
    """A list as it is shown; `zero` is where bars begin, in percent."""

    cards: Sequence[Card]
    answer: Answer
    served_list: ServedList
    zero: float


@dataclass(frozen=True, slots=True)
class Slider:
    """A knob from 0 to `most`, as it stood for the list."""

    name: str
    said: str
    value: float
    most: float = 2.0

    @property
    def step(self) -> str:
        """What it moves by; a value between two steps would be rounded to one, and change the list."""
        steps = self.value * 20
        return "0.05" if abs(steps - round(steps)) < 1e-9 else "any"


def serve(shop: Shop, photos: ItemPhotos, request: ListRequest) -> Shelf:
    """Rank by the shopper's arm as over HTTP, and lay the list out."""
    answer, served_list = shop.shoppers.serve(request)
    zero, scale = _axis([part for result in answer for part in result.parts.values()])
    cards = [
        replace(
            card(one.id, one.item, photos),
            href="/page/click?" + urlencode({"item": one.id, "list": served_list.request_id}),
            score=one.score,
            bars=[_bar(name, part, zero, scale) for name, part in one.parts.items()],
        )
        for one in answer
    ]
    return Shelf(cards, answer, served_list, zero)


def sliders(shop: Shop, unit: str, form: Form, shelf: Shelf | None, parts: Iterable[str]) -> list[Slider]:
    """The weights of these parts as they stood, and the variety; without a list as they would have."""
    arm = shop.shoppers.arm(unit)
    out = []
    for name in (*shop.store.info.space.names, *parts):
        own = arm.weights.get(name, shop.settings.search.part_weight(name))
        value = shelf.answer.weights[name] if shelf else form.weights.get(name, own)
        out.append(Slider(f"{WEIGHT}{name}", SAID.get(name, name), value, max(2.0, value)))
    variety = arm.diversity.amount if form.diversity is None else form.diversity
    return [*out, Slider("diversity", SAID["diversity"], variety, 1.0)]


def card(item_id: str, item: Mapping[str, Any], photos: ItemPhotos) -> Card:
    """An item outside of a list."""
    price = item.get("price")
    return Card(
        id=item_id,
        title=str(item.get("title") or item_id),
        price=f"{price:.2f} {item.get('currency', '')}".strip() if isinstance(price, int | float) else "",
        photo="/page/photo?" + urlencode({"id": item_id}) if photos.has(item.get("image")) else "",
        href="/page/item?" + urlencode({"id": item_id}),
    )


def tastes(shop: Shop, answer: Answer) -> list[tuple[int, list[str]]]:
    """What a list made from a history was made from: shares in percent, and titles."""
    ids = list(dict.fromkeys(item for taste in answer.tastes for item in taste.items))
    known = shop.store.retrieve(ids, fields=("title",)) if ids else {}
    titles = {one: str(known[one].payload.get("title") or one) if one in known else one for one in ids}
    return [(round(100 * taste.weight), [titles[one] for one in taste.items]) for taste in answer.tastes]


def history(shop: Shop, photos: ItemPhotos, unit: str, limit: int = 30) -> list[tuple[str, str, Card, bool]]:
    """What a shopper did, newest first: what, when, with which item, and whether that is still there."""
    events: list[Event] = shop.shoppers.history.recent(unit, limit) if unit else []
    ids = list(dict.fromkeys(event.item for event in events))
    known = shop.store.retrieve(ids, fields=("title", "price", "currency", "image")) if ids else {}
    return [
        (
            EVENT_KINDS[event.kind].label,
            datetime.fromtimestamp(event.time, UTC).strftime("%d %b %H:%M UTC"),
            card(event.item, known[event.item].payload if event.item in known else {}, photos),
            event.item in known,
        )
        for event in events
    ]


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """Where 0 lies on a rail, in percent, and percent per unit, so that every part has room."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = 100 / (high - low) if high > low else 0.0
    return -low * scale, scale


def _bar(name: str, value: float, zero: float, scale: float) -> Bar:
    width = abs(value) * scale
    return Bar(name, SAID.get(name, name), value, zero - width if value < 0 else zero, width)
