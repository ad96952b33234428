"""The facets that a form offers: the commonest values of fields with few values.

Laws (tests/service/page/test_facets.py):
- what shoppers choose by (colour, size, ...) is offered before other attributes;
- what names single items, photos, or rows of a shop system is not offered.
"""

from __future__ import annotations

import math
import threading
import time

from vlclip.engine.store.store import Store
from vlclip.ranking.lists.choices import are_photos
from vlclip.ranking.lists.variant_words import plain, variant_words

FIRST_FIELDS = ("product_type", "brand", "colour", "color", "base_colour")
"""Fields whose values are offered before others."""
NO_FACETS = frozenset({"id", "title", "currency", "updated_at", "group", "group_title"})
MAX_VALUES, MAX_FACETS, MAX_FIELDS = 20, 6, 12
"""Values of a facet, facets of a form, and fields whose values are counted to find those facets."""
FRESH_S = 30.0
"""Seconds for which counted values are kept."""


class Facets:
    """The commonest values of the fields with few values, counted again after a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}
        self._counted_at = -math.inf

    def get(self) -> dict[str, dict[str, int]]:
        """The values of each field, with the number of items that have them."""
        with self._lock:
            if time.monotonic() - self._counted_at > FRESH_S:
                self._counts, self._counted_at = self._count(), time.monotonic()
            return self._counts

    @property
    def has_price(self) -> bool:
        """Whether the items have prices, so that a form can offer a range."""
        return self._store.fields().get("price") == "number"

    def _count(self) -> dict[str, dict[str, int]]:
        kinds = self._store.fields()
        names = sorted(name for name, kind in kinds.items() if kind == "keyword" and name not in NO_FACETS)
        names = [name for name in names if plain(name) not in variant_words().never]
        names.sort(key=_place)
        facets: dict[str, dict[str, int]] = {}
        for name in names[:MAX_FIELDS]:
            values = self._store.facet(name, limit=MAX_VALUES + 1)
            few = 2 <= len(values) <= MAX_VALUES and max(values.values()) > 1 and not are_photos(values)
            if len(facets) < MAX_FACETS and (few or (values and name in FIRST_FIELDS)):
                facets[name] = dict(list(values.items())[:MAX_VALUES])
        return facets


def _place(name: str) -> tuple[int, int]:
    """First what a catalogue is ordered by, then what shoppers choose by, then the rest."""
    first = variant_words().first
    place = FIRST_FIELDS.index(name) if name in FIRST_FIELDS else len(FIRST_FIELDS)
    return place, first.get(plain(name), len(first))
