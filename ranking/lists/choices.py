"""In what variants differ: the attributes by which a shopper chooses, with their values in order.

Laws (tests/ranking/lists/test_variants.py):
- an attribute is listed if at least two variants differ in it, and then with every value;
- what only names a variant, or says how a shop system keeps its row, is no choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vlclip.engine.item import PAYLOAD_FIELDS
from vlclip.ranking.lists.variant_words import plain, variant_words

MOST_FIELDS = 6
"""Attributes that are listed."""

_PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|avif|svg)([?#]\S*)?$", re.IGNORECASE)

Value = str | float | bool


def differences(payloads: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Value, ...]]:
    """The attributes in which variants differ, with all their values in order."""
    never = variant_words().never
    by_name: dict[str, list[tuple[Value, ...]]] = {}
    for payload in payloads:
        for name, value in payload.items():
            if name not in PAYLOAD_FIELDS and not name.startswith("_") and plain(name) not in never:
                by_name.setdefault(name, []).append(values_of(value))
    differing: dict[str, tuple[Value, ...]] = {}
    for name in sorted(by_name, key=lambda name: (_place(name), name)):
        sets = set(by_name[name])
        values = tuple(dict.fromkeys(part for parts in by_name[name] for part in parts))
        if len(sets) > 1 and len(values) > 1 and not _are_codes(name, values, len(payloads)):
            differing[name] = tuple(sorted(values, key=_order))
    return dict(list(differing.items())[:MOST_FIELDS])


def values_of(value: Any) -> tuple[Value, ...]:
    """The values of an attribute: one, those of a list, or none."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return tuple(part for part in parts if isinstance(part, str | int | float | bool) and part != "")


def _are_codes(name: str, values: Sequence[Value], count: int) -> bool:
    """Whether values say nothing to a shopper.

    They are kinds of rows of a shop system, or photos, or they name single variants: each is another, and an
    id, an address, a long number or a long text.
    """
    words = variant_words()
    if {kind(value) for value in values} <= words.kinds_of_rows | words.kinds_of_heads:
        return True
    if are_photos(values):
        return True
    if len(values) < count:
        return False
    return re.search(r"(^|[\W_])id_?$", name.lower()) is not None or all(
        isinstance(value, str)
        and (len(value) > 40 or re.match(r"https?://", value) or re.fullmatch(r"[\d-]{8,}", value))
        for value in values
    )


def are_photos(values: Iterable[Any]) -> bool:
    """Whether all values are paths or addresses of pictures."""
    return all(isinstance(value, str) and _PICTURE.search(value) for value in values)


def kind(value: Any) -> str:
    """The value as a word for a kind of row."""
    return value.strip().lower() if isinstance(value, str) else ""


def _place(name: str) -> int:
    first = variant_words().first
    return first.get(plain(name), len(first))


def _order(value: Value) -> tuple[int, float, str]:
    """Sizes from small to large, then numbers, then text."""
    text = str(value).strip().casefold()
    sizes = variant_words().sizes
    if text in sizes:
        return 0, sizes[text], text
    number = re.match(r"-?\d+(?:[.,]\d+)?", text)
    return (1, float(number[0].replace(",", ".")), text) if number else (2, 0.0, text)
