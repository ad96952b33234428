"""Payload fields that can be filtered on, and the kind of value each holds.

Laws (tests/contract/test_store.py):
- a field's kind is settled by the first batch that brings it and never changes in a collection:
  `bool` if all its values are, `number` if all are, else `keyword`; lists count by their elements;
- later values are stored as that kind where that loses nothing ("42" in a number field becomes
  42.0, 42 in a keyword field becomes "42"); any other value is stored and shown as it came, no
  equality or range matches it, and it is not missing;
- names with `"` or a backslash cannot be written as a path in Qdrant: they are stored and shown, but
  not filterable;
- numbers that are not finite are left out: no engine can keep them;
- at most `max_fields` fields (a setting) can be filtered on, first come, first served; later ones are stored
  and shown, a filter on them is refused, and `tidy` frees the places of fields that no item has;
- a field gets its index when a filter first names it (`INDEXED` ones at once), for each costs an engine
  thirteen files, 7 MB and nine memory maps; without an index a filter is as right, and slower.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import coerce
from vlclip.engine.store.checksum import SUMS

FieldKind = Literal["keyword", "number", "bool"]

LACKS = "_lacks"
"""A field of the store's own: the segments for which a point has no vector; never shown."""
MAX_FIELDS = 1000
"""Fields that can be filtered on, unless the setting `max_fields` says otherwise."""
MAX_INDEXES = 256
"""Fields with an index; filters on others go through the payloads."""
INDEXED = frozenset({LACKS, "id", "brand", "product_type", "price", "available", "group", "popularity"})
"""Fields that most filters name, indexed from the first item that has them."""
NOT_FILTERABLE = frozenset({"description", "image", "photos", "provenance", SUMS})
"""Long or nested fields, stored only to be shown, and the store's checksums."""


def path(name: str) -> str:
    """A top-level field as a Qdrant path, whatever dots, blanks or brackets its name has."""
    return f'"{name}"'


def has_path(name: str) -> bool:
    """Whether a field can be named in a path at all."""
    return not any(sign in name for sign in '"\\')


def new_kinds(
    payloads: Iterable[Mapping[str, Any]], recorded: Mapping[str, FieldKind], most: int = MAX_FIELDS
) -> dict[str, FieldKind]:
    """Fields of `payloads` that are not in `recorded` yet, with their kinds; at most `most` in all."""
    present = KindsOf()
    present.add(payloads, recorded)
    return {
        name: next(iter(kinds)) if len(kinds) == 1 else "keyword"
        for name, kinds in present.fresh(recorded, most)
    }


class KindsOf:
    """The fields of many payloads, and the kinds of their values."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._kinds: dict[str, set[FieldKind]] = {}

    def add(self, payloads: Iterable[Mapping[str, Any]], others: Collection[str] = ()) -> None:
        """Count further payloads in; the fields in `others` are not looked at."""
        for payload in payloads:
            for name, value in payload.items():
                if name in others:
                    continue
                self.names.add(name)
                if name in NOT_FILTERABLE or not has_path(name):
                    continue
                kinds = {kind for part in _parts(value) if (kind := _kind(part)) is not None}
                if kinds:
                    self._kinds.setdefault(name, set()).update(kinds)

    def fresh(
        self, recorded: Mapping[str, FieldKind], most: int, *, alike: bool = False
    ) -> list[tuple[str, set[FieldKind]]]:
        """Fields that are not in `recorded`, in the order they came, so that all are at most `most`.

        `alike` leaves out those with values of several kinds.
        """
        room = max(0, most - len(recorded.keys() - {LACKS}))
        fresh = [
            (name, kinds)
            for name, kinds in self._kinds.items()
            if name not in recorded and not (alike and len(kinds) > 1)
        ]
        own = [pair for pair in fresh if pair[0] == LACKS]
        return [pair for pair in fresh if pair[0] != LACKS][:room] + own


def fitted(payload: Mapping[str, Any], kinds: Mapping[str, FieldKind]) -> dict[str, Any]:
    """The payload to store: each value as the kind its field holds, if that loses nothing."""
    out: dict[str, Any] = {}
    for name, value in payload.items():
        kind = kinds.get(name)
        if isinstance(value, list | tuple):
            out[name] = [_fit(part, kind) for part in value if not _not_finite(part)]
        elif not _not_finite(value):
            out[name] = _fit(value, kind)
    return out


def unmatched(payload: Mapping[str, Any], kinds: Mapping[str, FieldKind]) -> list[str]:
    """Fields of `payload` with a value that is stored as it came, and that no filter finds."""
    return [
        name
        for name, value in payload.items()
        if (kind := kinds.get(name)) is not None
        and any(_kind(_fit(part, kind)) not in (kind, None) for part in _parts(value))
    ]


def left_out(payload: Mapping[str, Any], kinds: Mapping[str, FieldKind]) -> list[str]:
    """Fields of `payload` that could be filtered on and are not among `kinds`."""
    return [
        name
        for name, value in payload.items()
        if name not in kinds
        and name not in NOT_FILTERABLE
        and has_path(name)
        and any(_kind(part) is not None for part in _parts(value))
    ]


def _parts(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _kind(value: Any) -> FieldKind | None:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return None if _not_finite(value) else "number"
    return "keyword" if isinstance(value, str) else None


def _fit(value: Any, kind: FieldKind | None) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        value = float(value)  # no engine keeps larger integers
    if kind is None or _kind(value) in (kind, None):
        return value
    try:
        return coerce("", value, kind)
    except FilterError:
        return value


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
