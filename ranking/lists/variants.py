"""What a card says of the variants behind it: how many, how they differ, what they cost, what is in stock.

Laws (tests/ranking/lists/test_variants.py):
- the variants of a group are the items of the store in that group, whatever the list was filtered by;
- a value that is listed is one of a variant; what is not listed is counted;
- an item that stands for the whole product is none of its variants;
- one request reads the variants of all groups of a page, and none is made where no result has a group;
- the title is one of the group, whichever of its variants the list ranked (card_title.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vlclip.engine.filters import Condition, Filter
from vlclip.engine.store.store import Record, Store
from vlclip.ranking.lists.card_title import card_title
from vlclip.ranking.lists.choices import Value, differences, kind, values_of
from vlclip.ranking.lists.grouping import GROUP, group_of
from vlclip.ranking.lists.variant_words import plain, variant_words

MOST_READ = 2000
"""Variants of one page that are read; of larger groups a part is summed up, and the count is asked for."""
MOST_IDS, MOST_VALUES = 100, 12
"""Ids, and values of an attribute, that a card lists."""


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The lowest and the highest price in one currency ("" where none is known)."""

    low: float
    high: float
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Variants:
    """The variants of one group.

    `values` are the attributes in which they differ, with up to `MOST_VALUES` values each; `more` counts the
    values that are not listed. `prices` has one range for each currency, the commonest first. `available`
    counts those that can be bought. `ids` are up to `MOST_IDS` of all `count`. Where `is_part`, the group is
    so large that all but `count` is of a part of it. `title` is what a card is called; summed up alone, ""
    where the variants have no words in common, in a list then that of the variant that it shows. `members`
    are all items of the group, the one that stands for the product among them.
    """

    group: str
    count: int
    available: int
    ids: tuple[str, ...]
    values: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    prices: tuple[PriceRange, ...] = ()
    is_part: bool = False
    title: str = ""
    members: tuple[str, ...] = field(default=(), repr=False)


def read_variants(store: Store, groups: Sequence[str]) -> dict[str, Variants]:
    """The variants of these groups, each group that is stored."""
    if not groups:
        return {}
    members, is_part = read_members(store, groups)
    counts = {group: len(records) for group, records in members.items()}
    ids: dict[str, list[str]] = {}
    if is_part:
        for page in store.scan(filter=_of(groups), fields=(GROUP,), batch=10_000):
            for record in page:
                ids.setdefault(group_of(record.payload), []).append(record.id)
        counts = {group: store.count(_of([group])) for group in members}
    summaries = {group: summary(group, records, counts[group]) for group, records in members.items()}
    return {
        group: replace(variants, members=tuple(sorted(ids.get(group, variants.members))))
        for group, variants in summaries.items()
    }


def without_head(group: str, records: Sequence[Record]) -> Sequence[Record]:
    """The variants without the item that stands for the whole product: a parent row of an export.

    It is the one that has the group as its own name, and is of a kind that says so, or has no value, or
    several, of every attribute in which the others differ.
    """
    return _parted(group, records)[0]


def _parted(group: str, records: Sequence[Record]) -> tuple[Sequence[Record], Record | None]:
    """The variants, and the item that stands for the whole product."""
    heads = [record for record in records if group.removeprefix("id:") in _own_names(record.payload)]
    if len(heads) != 1:
        return records, None
    others = [record for record in records if record is not heads[0]]
    if others and not variant_words().kinds_of_heads.isdisjoint(map(kind, heads[0].payload.values())):
        return others, heads[0]
    names = differences([record.payload for record in others])
    if not names or any(len(values_of(heads[0].payload.get(name))) == 1 for name in names):
        return records, None
    return others, heads[0]


def read_members(store: Store, groups: Sequence[str]) -> tuple[dict[str, list[Record]], bool]:
    """The items of each group, by id, and whether there are more than could be read."""
    members: dict[str, list[Record]] = {}
    read = 0
    for page in store.scan(filter=_of(groups), batch=MOST_READ):
        if read:  # a second page: there are more
            return _by_id(members), True
        for record in page:
            members.setdefault(group_of(record.payload), []).append(record)
        read += len(page)
    return _by_id(members), False


def summary(group: str, records: Sequence[Record], count: int) -> Variants:
    """What a card says of these variants; the group has `count` in all."""
    variants, head = _parted(group, records)
    count -= len(records) - len(variants)
    payloads = [record.payload for record in variants]
    values, more = {}, {}
    for name, all_values in differences(payloads).items():
        values[name] = all_values[:MOST_VALUES]
        if len(all_values) > MOST_VALUES:
            more[name] = len(all_values) - MOST_VALUES
    return Variants(
        group=group,
        count=count,
        available=sum(payload.get("available", True) is not False for payload in payloads),
        ids=tuple(record.id for record in variants[:MOST_IDS]),
        values=values,
        more=more,
        prices=_prices(payloads),
        is_part=count > len(variants),
        members=tuple(record.id for record in records),
        title=card_title(payloads, head.payload if head else None, values),
    )


def _of(groups: Sequence[str]) -> Filter:
    return Filter((Condition(GROUP, "any", tuple(dict.fromkeys(groups))),))


def _by_id(members: Mapping[str, list[Record]]) -> dict[str, list[Record]]:
    return {group: sorted(records, key=lambda record: record.id) for group, records in members.items()}


def _own_names(payload: Mapping[str, Any]) -> set[str]:
    """What an item calls itself."""
    heads = variant_words().heads
    return {str(value) for name, value in payload.items() if name == "id" or plain(name) in heads}


def _prices(payloads: Iterable[Mapping[str, Any]]) -> tuple[PriceRange, ...]:
    """A range for each currency; an item's own range counts from its `price` to its `price_to`."""
    by_currency: dict[str, list[float]] = {}
    for payload in payloads:
        ends = [payload.get(name) for name in ("price", "price_to")]
        numbers = [float(end) for end in ends if isinstance(end, int | float) and math.isfinite(end)]
        by_currency.setdefault(str(payload.get("currency", "")), []).extend(numbers)
    ranges = [
        PriceRange(min(numbers), max(numbers), currency)
        for currency, numbers in sorted(by_currency.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        if numbers
    ]
    return tuple(ranges)
