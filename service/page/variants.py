"""The variants of a product in a shopper's words: on a card in short, on an item's page as links.

Laws (tests/service/page/test_variants.py):
- what a card says is true of the variants it stands for;
- the links of an item's page lead to each of its variants, and mark the one that is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from vlclip.engine.store.store import Record, Store
from vlclip.ranking.lists.choices import differences, values_of
from vlclip.ranking.lists.grouping import group_of
from vlclip.ranking.lists.variants import Variants, read_members, without_head
from vlclip.service.http.price import format_price, format_prices

FEW = 5
"""Values of an attribute that a card shows."""
MOST_LINKS = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """An attribute in which variants differ, and its values in words."""

    name: str
    values: str


@dataclass(frozen=True, slots=True)
class CardVariants:
    """What a card says of its variants; `stock` is "" where nothing is to say."""

    price: str
    choices: Sequence[Choice] = ()
    stock: str = ""


@dataclass(frozen=True, slots=True)
class VariantLink:
    """A variant on an item's page."""

    id: str
    name: str
    price: str
    href: str
    is_available: bool
    is_here: bool


@dataclass(frozen=True, slots=True)
class VariantLinks:
    """The variants of an item; `more` of them are not listed."""

    links: Sequence[VariantLink] = ()
    more: int = 0


def describe(item: Mapping[str, Any], variants: Variants | None) -> CardVariants:
    """What the card of an item says of it and of its variants."""
    if variants is None or variants.count == 1:
        return CardVariants(format_price(item, ".2f"), stock="" if is_available(item) else "sold out")
    choices = [
        Choice(_plain(name), _listed(values, variants.more.get(name, 0)))
        for name, values in list(variants.values.items())[:3]
    ]
    return CardVariants(format_prices(variants.prices, ".2f"), choices, _stock(variants))


def variant_links(store: Store, item_id: str, item: Mapping[str, Any]) -> VariantLinks:
    """Links to the variants of an item, itself among them; none where it has no others."""
    group = group_of(item)
    if not group:
        return VariantLinks()
    records = without_head(group, read_members(store, [group])[0].get(group, []))
    if len(records) < 2:
        return VariantLinks()
    names = differences([record.payload for record in records])
    links = [
        VariantLink(
            id=record.id,
            name=_name(record, list(names)),
            price=format_price(record.payload, ".2f"),
            href="/page/item?" + urlencode({"id": record.id}),
            is_available=is_available(record.payload),
            is_here=record.id == item_id,
        )
        for record in sorted(records, key=lambda record: _places(record, names))
    ]
    here = next((place for place, link in enumerate(links) if link.is_here), 0)
    start = max(0, min(here - MOST_LINKS // 2, len(links) - MOST_LINKS))
    listed = links[start : start + MOST_LINKS]
    return VariantLinks(listed, len(links) - len(listed))


def is_available(item: Mapping[str, Any]) -> bool:
    """Whether an item can be bought."""
    return item.get("available", True) is not False


def _stock(variants: Variants) -> str:
    number = f"{variants.count} variants"
    if variants.is_part:
        return number
    if variants.available == variants.count:
        return f"{number}, all available"
    return f"{number}, {variants.available} available" if variants.available else f"{number}, all sold out"


def _listed(values: Sequence[object], more: int) -> str:
    unlisted = more + max(0, len(values) - FEW)
    words = ", ".join(map(_word, values[:FEW]))
    return f"{words} and {unlisted} more" if unlisted else words


def _places(record: Record, names: Mapping[str, Sequence[object]]) -> tuple[list[int], str]:
    """Where a variant stands: by its values of the first attribute, then the next; without a value first."""
    parts_of = {name: values_of(record.payload.get(name)) for name in names}
    return [min(map(names[name].index, parts), default=-1) for name, parts in parts_of.items()], record.id


def _name(record: Record, names: Sequence[str]) -> str:
    """The values in which the variant differs from others; its title or id where it has none."""
    words = [" and ".join(map(_word, values_of(record.payload.get(name)))) for name in names]
    return ", ".join(filter(None, words)) or str(record.payload.get("title") or record.id)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(name: str) -> str:
    return name.replace("_", " ").lower()
