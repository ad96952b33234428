"""Filters: one small typed form, from JSON or from the command line, for both engines.

JSON: an object of field to condition; every field must fit.

    {"brand": "Nike"}                      equals
    {"brand": ["Nike", "Puma"]}            any of
    {"price": {"gte": 20, "lt": 100}}      range: gt, gte, lt, lte
    {"brand": {"not": "Nike"}}             none of these (a value or a list); missing fits too
    {"colour": {"missing": true}}          the field is absent or empty (false: present)

Command line: `brand=Nike`, `brand=Nike|Puma`, `brand!=Nike`, `price<100`, `price>=20`,
`colour=` (missing), `colour!=` (present). A repeated field must fit every time.

A filter has at most `MAX_CONDITIONS` conditions with `MAX_VALUES` values in all, each of `MAX_VALUE_CHARS`.

Laws (tests/engine/test_filters.py): whatever the form, what is beyond these limits is refused by its field
before it is read any further; a refusal is short, however long the filter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import orjson

from vlclip.engine.errors import FilterError

Value = str | float | bool
Operator = Literal["any", "not", "gt", "gte", "lt", "lte", "missing"]
OPERATORS: tuple[Operator, ...] = ("any", "not", "gt", "gte", "lt", "lte", "missing")
MAX_CONDITIONS = 100
MAX_VALUES = 1000
MAX_VALUE_CHARS = 2000
MAX_BRIEF = 80
"""Characters of a value that a message repeats."""
MANY = 20
"""Names listed in full; of more only the nearest are shown."""
_COMPARISONS: tuple[Operator, ...] = ("gt", "gte", "lt", "lte")
_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_CLAUSE = re.compile(r"^\s*([^<>=!\s][^<>=!]*?)\s*(!=|<=|>=|=|<|>)(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand on one field.

    `values` are the alternatives for `any` and `not`, one number for a range, one bool for
    `missing`.
    """

    field: str
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold; the empty filter holds for everything."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def check(self, kinds: Mapping[str, str]) -> Filter:
        """The same filter, if every field exists in `kinds` and takes its operator and values."""
        for condition in self.conditions:
            kind = kinds.get(condition.field)
            if kind is None:
                raise FilterError(
                    f"no field named {brief(condition.field)} to filter on; there are: "
                    f"{listed(condition.field, kinds)}"
                )
            _check_kind(condition, kind)
        return self


def listed(name: str, names: Iterable[str]) -> str:
    """All names if they are few, else those nearest to `name`."""
    sorted_names = sorted(names)
    if len(sorted_names) <= MANY:
        return ", ".join(sorted_names) or "none"
    near = get_close_matches(name, sorted_names, n=5) or sorted_names[:5]
    return f"{', '.join(near)} and {len(sorted_names) - len(near)} more"


def parse_json(form: Mapping[str, Any]) -> Filter:
    """The JSON form as a `Filter`; a `FilterError` names what is wrong."""
    if not isinstance(form, Mapping):
        raise FilterError('a filter is a JSON object such as {"brand": "Nike"}')
    _check_count(len(form))
    conditions: list[Condition] = []
    for name, demand in form.items():
        if not isinstance(demand, Mapping):
            conditions.append(Condition(name, "any", _values(name, demand)))
            continue
        if not demand:
            raise FilterError(f"the condition on {brief(name)} is empty; give a value or an operator")
        conditions += [_from_json(name, operator, operand) for operator, operand in demand.items()]
    return limited(conditions)


def parse_clauses(clauses: Iterable[str]) -> Filter:
    """The command line's form, one clause a string, as a `Filter`."""
    return limited([_from_clause(clause) for clause in clauses])


def limited(conditions: Sequence[Condition]) -> Filter:
    """The filter of these conditions; a `FilterError` if they or their values are too many."""
    _check_count(len(conditions))
    total = 0
    for condition in conditions:
        total += len(condition.values)
        if total > MAX_VALUES:
            raise FilterError(
                f"a filter has at most {MAX_VALUES:,} values in all, and {brief(condition.field)} goes "
                "beyond them; ask with fewer values"
            )
    return Filter(tuple(conditions))


def brief(value: Any) -> str:
    """A value as a message names it, cut where it is long; one that holds others by its kind alone."""
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    text = repr(value[:MAX_BRIEF] if isinstance(value, str) else value)
    return text if len(text) <= MAX_BRIEF else f"{text[:MAX_BRIEF]}…"


def read_filter(content: Any) -> Filter:
    """A filter in any form: one JSON object, or a list of clauses and JSON objects, which must all hold.

    In a list, JSON objects may be text. A `FilterError` names what is wrong.
    """
    if not content:
        return Filter()
    if isinstance(content, Mapping):
        return parse_json(content)
    if not isinstance(content, Sequence) or isinstance(content, str):
        raise FilterError("a filter is a JSON object, or a list of clauses")
    _check_count(len(content))
    conditions: list[Condition] = []
    for clause in content:
        if isinstance(clause, str) and not clause.lstrip().startswith("{"):
            conditions += parse_clauses([clause]).conditions
            continue
        try:
            form = orjson.loads(clause) if isinstance(clause, str) else clause
        except orjson.JSONDecodeError as error:
            raise FilterError(f"the filter {brief(clause)} is not JSON: {error}") from None
        conditions += parse_json(form).conditions
    return limited(conditions)


def _check_count(count: int) -> None:
    if count > MAX_CONDITIONS:
        raise FilterError(f"a filter has at most {MAX_CONDITIONS} conditions, not {count:,}")


def _from_json(name: str, operator: str, operand: Any) -> Condition:
    if operator in ("any", "not"):
        return Condition(name, "any" if operator == "any" else "not", _values(name, operand))
    if operator == "missing":
        if not isinstance(operand, bool):
            raise FilterError(f"'missing' on {brief(name)} takes true or false, not {brief(operand)}")
        return Condition(name, "missing", (operand,))
    for comparison in _COMPARISONS:
        if operator == comparison:
            if isinstance(operand, bool) or not isinstance(operand, int | float):
                raise FilterError(f"{brief(operator)} on {brief(name)} takes a number, not {brief(operand)}")
            return Condition(name, comparison, (_number(name, operand),))
    raise FilterError(f"no operator {brief(operator)} (on {brief(name)}); there are: {', '.join(OPERATORS)}")


def _from_clause(clause: str) -> Condition:
    match = _CLAUSE.match(clause)
    if match is None:
        raise FilterError(
            f"cannot read the filter {brief(clause)}; write field=value, field=a|b, field!=value, "
            "field<number, field>=number, or field= for missing"
        )
    name, sign, text = match[1], match[2], match[3].strip()
    if sign in _RANGES:
        try:
            number = float(text)
        except ValueError:
            raise FilterError(f"{brief(clause)}: {brief(text)} is not a number") from None
        return _from_json(name, _RANGES[sign], number)
    if not text:
        return Condition(name, "missing", (sign == "=",))
    return Condition(name, "any" if sign == "=" else "not", _values(name, _alternatives(text)))


def _alternatives(text: str) -> list[str]:
    """The parts between bars, one more than allowed at most."""
    return [part.strip() for part in text.split("|", MAX_VALUES)]


def _values(name: str, operand: Any) -> tuple[Value, ...]:
    many = operand if isinstance(operand, list | tuple) else [operand]
    if not many:
        raise FilterError(f"the list of values for {brief(name)} is empty")
    if len(many) > MAX_VALUES:
        raise FilterError(f"{brief(name)} is compared with over {MAX_VALUES:,} values, the most of a filter")
    for value in many:
        if not isinstance(value, str | int | float | bool):
            raise FilterError(
                f"{brief(name)} is compared with text, numbers or true/false, not {brief(value)}"
            )
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
            raise FilterError(f"a value for {brief(name)} has over {MAX_VALUE_CHARS:,} characters")
    return tuple(value if isinstance(value, str | bool) else _number(name, value) for value in many)


def _number(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:  # a whole number of over 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise FilterError(f"{brief(name)} is compared with {number}; give a finite number")
    return number


def _check_kind(condition: Condition, kind: str) -> None:
    name, operator = condition.field, condition.operator
    if operator == "missing":
        return
    if operator in _RANGES.values():
        if kind != "number":
            raise FilterError(f"{brief(name)} holds {kind} values; {brief(operator)} needs a number field")
        return
    for value in condition.values:
        coerce(name, value, kind)


def coerce(name: str, value: Value, kind: str) -> Value:
    """`value` as the type the field holds; the command line only knows text."""
    if kind == "number":
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise FilterError(f"{brief(name)} is a number field; {brief(value)} is not a number")
        return number
    if kind == "bool":
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise FilterError(f"{brief(name)} is true or false, not {brief(value)}")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
