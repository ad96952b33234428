"""Lists as a page shows them: ranked and logged as over HTTP, each result a card with the parts of its score.

Laws (tests/service/page/test_page.py):
- a list on a page is in the log once, by the arm of the shopper who looks at it;
- a card links to its item through a click that names the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from vlclip.engine.segments import SEGMENT_KINDS
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, POPULAR, Answer
from vlclip.ranking.lists.request import ListRequest
from vlclip.ranking.lists.variants import Variants
from vlclip.service.page.form import WEIGHT, Form
from vlclip.service.page.photos import ItemPhotos, photo_of
from vlclip.service.page.variants import Choice, describe
from vlclip.service.shop.served_list import ServedList
from vlclip.service.shop.shop import Shop

PART_LABELS = {
    **{kind.name: kind.label for kind in SEGMENT_KINDS.values()},
    LEXICAL: "exact",
    HISTORY: "history",
    POPULAR: "popular",
    "diversity": "variety",
}
"""Score parts in a shopper's words; any other is shown by its name."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a score: `left` and `width` in percent of the rail, on which 0 is at the list's `zero`."""

    name: str
    label: str
    value: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Card:
    """One item as it is shown; `photo` is the address of its photo, "" where there is none to show.

    In a list with one card for each product, `title`, `price`, `choices` and `stock` are of all its variants.
    """

    id: str
    title: str
    price: str
    photo: str
    href: str
    score: float = 0.0
    bars: Sequence[Bar] = ()
    choices: Sequence[Choice] = ()
    stock: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A list as it is shown; `zero` is where bars begin, in percent."""

    cards: Sequence[Card]
    answer: Answer
    served_list: ServedList
    zero: float


@dataclass(frozen=True, slots=True)
class Slider:
    """A knob from 0 to `maximum`; `value` is what the list was made with."""

    name: str
    label: str
    value: float
    maximum: float = 2.0

    @property
    def step(self) -> str:
        """Its step; a value between two steps would be rounded, which would change the list."""
        steps = self.value * 20
        return "0.05" if abs(steps - round(steps)) < 1e-9 else "any"


def serve(shop: Shop, photos: ItemPhotos, request: ListRequest, filter_form: Any) -> Shelf:
    """Rank by the shopper's arm as over HTTP, and lay the list out."""
    answer, served_list = shop.shoppers.serve(shop.recommender, request, filter_form)
    zero, scale = _axis([part for result in answer for part in result.parts.values()])
    cards = [
        replace(
            card(result.id, result.item, photos, result.variants),
            href="/page/click?" + urlencode({"item": result.id, "list": served_list.request_id}),
            score=result.score,
            bars=[_bar(name, part, zero, scale) for name, part in result.parts.items()],
        )
        for result in answer
    ]
    return Shelf(cards, answer, served_list, zero)


def sliders(shop: Shop, unit: str, form: Form, shelf: Shelf | None, parts: Iterable[str]) -> list[Slider]:
    """Sliders for these parts' weights, as the list was or would have been made with, and for its variety."""
    arm = shop.shoppers.arm(unit)
    knobs = []
    for name in (*shop.store.info.space.names, *parts):
        own = arm.weights.get(name, shop.settings.search.part_weight(name))
        value = shelf.answer.weights[name] if shelf else form.weights.get(name, own)
        knobs.append(Slider(f"{WEIGHT}{name}", PART_LABELS.get(name, name), value, max(2.0, value)))
    variety = arm.diversity.amount if form.diversity is None else form.diversity
    return [*knobs, Slider("diversity", PART_LABELS["diversity"], variety, 1.0)]


def card(item_id: str, item: Mapping[str, Any], photos: ItemPhotos, variants: Variants | None = None) -> Card:
    """The card of an item, or of the variants that it stands for in a list."""
    words = describe(item, variants)
    return Card(
        id=item_id,
        title=(variants and variants.title) or str(item.get("title") or item_id),
        price=words.price,
        choices=words.choices,
        stock=words.stock,
        photo="/page/photo?" + urlencode({"id": item_id}) if photos.has(item.get("image")) else "",
        href="/page/item?" + urlencode({"id": item_id}),
    )


def strip(item_id: str, item: Mapping[str, Any], photos: ItemPhotos) -> list[str]:
    """The addresses of all photos of an item that can be shown, empty where there is no more than one."""
    names = item.get("photos")
    numbers = range(1, len(names) + 1) if isinstance(names, list) else range(0)
    present = [number for number in numbers if photos.has(photo_of(item, number))]
    addresses = ["/page/photo?" + urlencode({"id": item_id, "number": number}) for number in present]
    return addresses if len(addresses) > 1 else []


def tastes(shop: Shop, answer: Answer) -> list[tuple[int, list[str]]]:
    """The tastes that a list from a history was made from: shares in percent, and titles."""
    ids = list(dict.fromkeys(item_id for taste in answer.tastes for item_id in taste.items))
    records = shop.store.retrieve(ids, fields=("title",)) if ids else {}
    titles = {item_id: str(record.payload.get("title") or item_id) for item_id, record in records.items()}
    return [
        (round(100 * taste.weight), [titles.get(item_id, item_id) for item_id in taste.items])
        for taste in answer.tastes
    ]


class PastEvent(NamedTuple):
    """An event as it is shown, with its item; `is_stored`: the item is still in the store."""

    label: str
    time: str
    card: Card
    is_stored: bool


def history(shop: Shop, photos: ItemPhotos, unit: str, limit: int = 30) -> list[PastEvent]:
    """What a shopper did, newest first."""
    events: list[Event] = shop.shoppers.history.recent(unit, limit) if unit else []
    ids = list(dict.fromkeys(event.item for event in events))
    records = (
        shop.store.retrieve(ids, fields=("title", "price", "price_to", "currency", "image")) if ids else {}
    )
    return [
        PastEvent(
            label=EVENT_KINDS[event.kind].label,
            time=datetime.fromtimestamp(event.time, UTC).strftime("%d %b %H:%M UTC"),
            card=card(event.item, records[event.item].payload if event.item in records else {}, photos),
            is_stored=event.item in records,
        )
        for event in events
    ]


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """The place of 0 on a rail, in percent, and the percent per unit, so that every part fits."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = 100 / (high - low) if high > low else 0.0
    return -low * scale, scale


def _bar(name: str, value: float, zero: float, scale: float) -> Bar:
    width = abs(value) * scale
    return Bar(name, PART_LABELS.get(name, name), value, zero - width if value < 0 else zero, width)
