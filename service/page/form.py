"""What a page's form asks for, read from its fields, and what it may offer: the facets.

Laws (tests/service/page/test_page.py):
- a field that is empty asks for nothing; one that cannot be read is named in a sentence;
- weights and diversity that are not given stay the arm's.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, QueryParams

from vlclip.engine.filters import Condition, Filter, read_filter
from vlclip.engine.store.store import Store
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.settings import Search
from vlclip.service.http.errors import BadRequest
from vlclip.service.http.requests import MAX_QUERY_CHARS

PER_PAGE = 24
WEIGHT, FACET = "w.", "f."
"""What the names of sliders and of filters begin with."""
FIRST = ("product_type", "brand", "colour", "color", "base_colour")
"""Fields whose values are offered before others."""
NEVER = frozenset({"id", "title", "currency", "updated_at"})
MAX_VALUES, MAX_FACETS, MAX_TRIED = 20, 6, 12
FRESH_S = 30.0
"""Seconds for which counted values are offered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form's fields. `chosen` are the values picked of a field, `clauses` the filters that were typed."""

    text: str
    photo: str
    weights: Mapping[str, float]
    diversity: float | None
    chosen: Mapping[str, tuple[str, ...]]
    lowest: float | None
    highest: float | None
    clauses: str
    offset: int

    @property
    def filter(self) -> Filter:
        """All that is asked of an item; a `FilterError` says what cannot be read."""
        conditions = [Condition(name, "any", values) for name, values in self.chosen.items()]
        if self.lowest is not None:
            conditions.append(Condition("price", "gte", (self.lowest,)))
        if self.highest is not None:
            conditions.append(Condition("price", "lte", (self.highest,)))
        typed = [clause for clause in self.clauses.split(";") if clause.strip()]
        return Filter((*conditions, *read_filter(typed).conditions))

    def page(self, search: Search) -> Page:
        """The part of the ranking that is asked for."""
        return Page(
            limit=min(PER_PAGE, search.max_limit),
            offset=self.offset,
            filter=self.filter,
            diversity=self.diversity,
        )

    @property
    def context(self) -> dict[str, Any]:
        """What the log keeps of the filter: a JSON object for each condition."""
        return {
            "filter": [
                {
                    one.field: {
                        one.operator: list(one.values) if one.operator in ("any", "not") else one.values[0]
                    }
                }
                for one in self.filter.conditions
            ]
        }


def read_form(fields: QueryParams | FormData) -> Form:
    """The form of a request; a `BadRequest` names the field that cannot be read."""
    said: dict[str, list[str]] = {}
    for name, value in fields.multi_items():
        if isinstance(value, str) and value.strip():
            said.setdefault(name, []).append(value.strip())
    text = _last(said, "text")
    if len(text) > MAX_QUERY_CHARS:
        raise BadRequest(f"the search has over {MAX_QUERY_CHARS} characters; make it shorter")
    return Form(
        text=text,
        photo=_last(said, "photo"),
        weights={
            name.removeprefix(WEIGHT): _number(name.removeprefix(WEIGHT), values[-1])
            for name, values in said.items()
            if name.startswith(WEIGHT)
        },
        diversity=_optional(said, "diversity"),
        chosen={
            name.removeprefix(FACET): tuple(values) for name, values in said.items() if name.startswith(FACET)
        },
        lowest=_optional(said, "price.from"),
        highest=_optional(said, "price.to"),
        clauses=_last(said, "filter"),
        offset=int(_optional(said, "offset") or 0),
    )


class Facets:
    """The commonest values of the fields that have few, counted again after a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counted: dict[str, dict[str, int]] = {}
        self._at = -math.inf

    def get(self) -> dict[str, dict[str, int]]:
        """By field its values with how many items have them."""
        with self._lock:
            if time.monotonic() - self._at > FRESH_S:
                self._counted, self._at = self._count(), time.monotonic()
            return self._counted

    @property
    def has_price(self) -> bool:
        """Whether a range of prices can be asked for."""
        return self._store.fields().get("price") == "number"

    def _count(self) -> dict[str, dict[str, int]]:
        kinds = self._store.fields()
        names = sorted(name for name, kind in kinds.items() if kind == "keyword" and name not in NEVER)
        names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
        out: dict[str, dict[str, int]] = {}
        for name in names[:MAX_TRIED]:
            values = self._store.facet(name, limit=MAX_VALUES + 1)
            few = 2 <= len(values) <= MAX_VALUES
            if len(out) < MAX_FACETS and (few or (values and name in FIRST)):
                out[name] = dict(list(values.items())[:MAX_VALUES])
        return out


def _last(said: Mapping[str, list[str]], name: str) -> str:
    return said.get(name, [""])[-1]


def _optional(said: Mapping[str, list[str]], name: str) -> float | None:
    return _number(name, said[name][-1]) if name in said else None


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadRequest(f"{name}: {text!r} is not a number; write one such as 49.90")
    return number
