"""A `Filter` as a Qdrant filter, for both engines.

Laws (tests/contract/test_store.py):
- both engines' classes are filled with the same conditions, so both keep the same items;
- `not` and a missing field fit together: an item without the field is not "Nike";
- a filter and its negation together list nothing, with an index or without;
- excluded ids are a condition of the search, so they never take up places in its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlclip.engine.filters import Condition, Filter, coerce
from vlclip.engine.store.fields import FieldKind, path


@dataclass(frozen=True, slots=True)
class Dialect:
    """The filter classes of one engine; where their arguments differ, these are functions."""

    filter: Callable[..., Any]
    field: Callable[..., Any]
    match_bool: Callable[[bool], Any]
    match_any: Callable[..., Any]
    range: Callable[..., Any]
    has_id: Callable[[list[str]], Any]


def build(
    dialect: Dialect, filter: Filter, kinds: Mapping[str, FieldKind], exclude: Sequence[str] = ()
) -> Any | None:
    """`filter`, checked against `kinds`, and point ids to leave out; None where there is neither.

    Raises `FilterError` for a field that is not in `kinds` or a value that is not of its kind.
    """
    must, must_not = [], []
    for condition in filter.check(kinds).conditions:
        required, excluded = _condition(dialect, condition, kinds[condition.field])
        must += required
        must_not += excluded
    if exclude:
        must_not.append(dialect.has_id(list(exclude)))
    if must and must_not:  # apart: beside an equal condition in `must` a server ignores one in `must_not`
        must, must_not = [*must, dialect.filter(must_not=must_not)], []
    return dialect.filter(must=must, must_not=must_not) if must or must_not else None


def _condition(dialect: Dialect, condition: Condition, kind: FieldKind) -> tuple[list[Any], list[Any]]:
    """What must hold and what must not for one condition."""
    key, values = path(condition.field), condition.values
    match condition.operator:
        case "any":
            return [_any(dialect, condition, kind)], []
        case "not":
            return [], [_any(dialect, condition, kind)]
        case "missing":
            empty = dialect.field(key=key, is_empty=True)
            return ([empty], []) if values[0] else ([], [empty])
        case bound:
            span = dialect.range(**{bound: float(values[0])})
            return [dialect.field(key=key, range=span)], []


def _any(dialect: Dialect, condition: Condition, kind: FieldKind) -> Any:
    """Any of the values; numbers have no equality in Qdrant, so each becomes a range of one point."""
    key = path(condition.field)
    values = [coerce(condition.field, value, kind) for value in condition.values]
    if kind == "keyword":
        return dialect.field(key=key, match=dialect.match_any(any=values))
    if kind == "bool":
        each = [dialect.field(key=key, match=dialect.match_bool(bool(v))) for v in values]
    else:
        each = [dialect.field(key=key, range=dialect.range(gte=v, lte=v)) for v in values]
    return dialect.filter(should=each) if len(each) > 1 else each[0]
