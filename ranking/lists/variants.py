"""What a card says of the variants behind it: how many, how they differ, what they cost, what is in stock.

Laws (tests/ranking/lists/test_variants.py):
- the variants of a group are the items of the store in that group, whatever the list was filtered by;
- a value that is listed is one of a variant; what is not listed is counted;
- an item that stands for the whole product is none of its variants;
- one request reads the variants of all groups of a page, and none is made where no result has a group.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from vlclip.engine.filters import Condition, Filter
from vlclip.engine.item import PAYLOAD_FIELDS
from vlclip.engine.store.store import Record, Store
from vlclip.ranking.lists.grouping import GROUP, group_of

NAMES = Path(__file__).with_name("variants.toml")
MOST_READ = 2000
"""Variants of one page that are read; of larger groups a part is summed up, and the count is asked for."""
MOST_IDS, MOST_FIELDS, MOST_VALUES = 100, 6, 12
"""Ids, attributes, and values of an attribute that a card lists."""

Value = str | float | bool


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
    so large that all but `count` is of a part of it.
    """

    group: str
    count: int
    available: int
    ids: tuple[str, ...]
    values: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    prices: tuple[PriceRange, ...] = ()
    is_part: bool = False


def read_variants(store: Store, groups: Sequence[str]) -> dict[str, Variants]:
    """The variants of these groups, each group that is stored."""
    if not groups:
        return {}
    members, is_part = read_members(store, groups)
    counts = {group: len(records) for group, records in members.items()}
    if is_part:
        counts = {group: store.count(_of([group])) for group in members}
    return {group: summary(group, records, counts[group]) for group, records in members.items()}


def without_head(group: str, records: Sequence[Record]) -> Sequence[Record]:
    """The variants without the item that stands for the whole product: a parent row of an export.

    It is the one that has the group as its own name and no value, or several, of every attribute in which
    the others differ.
    """
    heads = [record for record in records if group.removeprefix("id:") in _own_names(record.payload)]
    if len(heads) != 1:
        return records
    others = [record for record in records if record is not heads[0]]
    names = differences([record.payload for record in others])
    if not names or any(len(values_of(heads[0].payload.get(name))) == 1 for name in names):
        return records
    return others


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
    variants = without_head(group, records)
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
    )


def differences(payloads: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Value, ...]]:
    """The attributes in which variants differ, with all their values in order."""
    by_name: dict[str, list[tuple[Value, ...]]] = {}
    for payload in payloads:
        for name, value in payload.items():
            if name not in PAYLOAD_FIELDS and not name.startswith("_") and plain(name) not in _never():
                by_name.setdefault(name, []).append(values_of(value))
    differing: dict[str, tuple[Value, ...]] = {}
    for name in sorted(by_name, key=lambda name: (_place(name), name)):
        sets = set(by_name[name])
        values = tuple(dict.fromkeys(part for parts in by_name[name] for part in parts))
        if len(sets) > 1 and len(values) > 1 and not _are_codes(values, len(payloads)):
            differing[name] = tuple(sorted(values, key=_order))
    return dict(list(differing.items())[:MOST_FIELDS])


def values_of(value: Any) -> tuple[Value, ...]:
    """The values of an attribute: one, those of a list, or none."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return tuple(part for part in parts if isinstance(part, str | int | float | bool) and part != "")


@lru_cache(maxsize=10_000)
def plain(name: str) -> str:
    """A name without case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", name.casefold())


def _of(groups: Sequence[str]) -> Filter:
    return Filter((Condition(GROUP, "any", tuple(dict.fromkeys(groups))),))


def _by_id(members: Mapping[str, list[Record]]) -> dict[str, list[Record]]:
    return {group: sorted(records, key=lambda record: record.id) for group, records in members.items()}


def _own_names(payload: Mapping[str, Any]) -> set[str]:
    """What an item calls itself."""
    return {str(value) for name, value in payload.items() if name == "id" or plain(name) in _heads()}


def _are_codes(values: Sequence[Value], count: int) -> bool:
    """Whether values name single variants: each another, and an address, a long number or a long text."""
    if len(values) < count:
        return False
    return all(
        isinstance(value, str)
        and (len(value) > 40 or re.match(r"https?://", value) or re.fullmatch(r"[\d-]{8,}", value))
        for value in values
    )


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


def _place(name: str) -> int:
    return _first().get(plain(name), len(_first()))


def _order(value: Value) -> tuple[int, float, str]:
    """Sizes from small to large, then numbers, then text."""
    text = str(value).strip().casefold()
    if text in _sizes():
        return 0, _sizes()[text], text
    number = re.match(r"-?\d+(?:[.,]\d+)?", text)
    return (1, float(number[0].replace(",", ".")), text) if number else (2, 0.0, text)


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Sequence[str]]:
    return tomllib.loads(NAMES.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _first() -> Mapping[str, int]:
    return {plain(name): place for place, name in reversed(list(enumerate(_data()["first"])))}


@lru_cache(maxsize=1)
def _never() -> frozenset[str]:
    return frozenset(map(plain, _data()["never"]))


@lru_cache(maxsize=1)
def _heads() -> frozenset[str]:
    return frozenset(map(plain, _data()["heads"]))


@lru_cache(maxsize=1)
def _sizes() -> Mapping[str, int]:
    return {size: place for place, size in enumerate(_data()["sizes"])}
