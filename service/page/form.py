"""What the form of a page asks for, read from its fields.

Laws (tests/service/page/test_page.py):
- an empty field has no effect; a field that cannot be read is named in a sentence;
- weights and diversity that the form does not set are the arm's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, QueryParams

from vlclip.engine.filters import Condition, Filter, limited, read_filter
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.settings import Search
from vlclip.service.http.errors import BadRequest
from vlclip.service.http.requests import MAX_QUERY_CHARS

PER_PAGE = 24
WEIGHT, FACET = "w.", "f."
"""What the names of sliders and of filters begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form's fields. `chosen` are the values picked of a field, `clauses` the filters as typed."""

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
        """All conditions on an item; a `FilterError` says what cannot be read."""
        conditions = [Condition(name, "any", values) for name, values in self.chosen.items()]
        if self.lowest is not None:
            conditions.append(Condition("price", "gte", (self.lowest,)))
        if self.highest is not None:
            conditions.append(Condition("price", "lte", (self.highest,)))
        clauses = [clause for clause in self.clauses.split(";") if clause.strip()]
        return limited((*conditions, *read_filter(clauses).conditions))

    def page(self, search: Search) -> Page:
        """The part of the ranking that the form asks for."""
        return Page(
            limit=min(PER_PAGE, search.max_limit),
            offset=self.offset,
            filter=self.filter,
            diversity=self.diversity,
        )

    @property
    def filter_form(self) -> list[dict[str, Any]]:
        """What the log keeps of the filter: a JSON object for each condition."""
        return [
            {
                condition.field: {
                    condition.operator: list(condition.values)
                    if condition.operator in ("any", "not")
                    else condition.values[0]
                }
            }
            for condition in self.filter.conditions
        ]


def read_form(fields: QueryParams | FormData) -> Form:
    """The form of a request; a `BadRequest` names the field that cannot be read."""
    typed: dict[str, list[str]] = {}
    for name, value in fields.multi_items():
        if isinstance(value, str) and value.strip():
            typed.setdefault(name, []).append(value.strip())
    text = _last(typed, "text")
    if len(text) > MAX_QUERY_CHARS:
        raise BadRequest(f"the search has over {MAX_QUERY_CHARS} characters; make it shorter")
    return Form(
        text=text,
        photo=_last(typed, "photo"),
        weights={
            name.removeprefix(WEIGHT): _number(name.removeprefix(WEIGHT), values[-1])
            for name, values in typed.items()
            if name.startswith(WEIGHT)
        },
        diversity=_optional(typed, "diversity"),
        chosen={
            name.removeprefix(FACET): tuple(values)
            for name, values in typed.items()
            if name.startswith(FACET)
        },
        lowest=_optional(typed, "price.from"),
        highest=_optional(typed, "price.to"),
        clauses=_last(typed, "filter"),
        offset=int(_optional(typed, "offset") or 0),
    )


def _last(typed: Mapping[str, list[str]], name: str) -> str:
    return typed.get(name, [""])[-1]


def _optional(typed: Mapping[str, list[str]], name: str) -> float | None:
    return _number(name, typed[name][-1]) if name in typed else None


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadRequest(f"{name}: {text!r} is not a number; write one such as 49.90")
    return number
