"""The two forms of a filter say the same; what cannot be meant is refused with what to write instead."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import (
    MAX_CONDITIONS,
    MAX_VALUE_CHARS,
    MAX_VALUES,
    Condition,
    Filter,
    coerce,
    parse_clauses,
    parse_json,
    read_filter,
)

KINDS = {"brand": "keyword", "price": "number", "available": "bool"}


@pytest.mark.parametrize(
    ("clauses", "form"),
    [
        (["brand=Nike"], {"brand": "Nike"}),
        (["brand=Nike|Puma"], {"brand": ["Nike", "Puma"]}),
        (["brand!=Nike"], {"brand": {"not": "Nike"}}),
        (["brand!=Nike|Puma"], {"brand": {"not": ["Nike", "Puma"]}}),
        (["price<100"], {"price": {"lt": 100}}),
        (["price<=100"], {"price": {"lte": 100}}),
        (["price > 1.5"], {"price": {"gt": 1.5}}),
        (["price>=20", "price<100"], {"price": {"gte": 20, "lt": 100}}),
        (["colour="], {"colour": {"missing": True}}),
        (["colour!="], {"colour": {"missing": False}}),
        (["heel height=4 cm"], {"heel height": "4 cm"}),
        (["url=a=b"], {"url": "a=b"}),
        ([], {}),
    ],
)
def test_the_command_line_says_what_json_says(clauses: list[str], form: dict[str, object]):
    assert parse_clauses(clauses) == parse_json(form)


def test_any_is_the_long_form_of_a_value():
    assert parse_json({"brand": {"any": ["Nike"]}}) == parse_json({"brand": "Nike"})


def test_the_empty_filter_is_false_and_holds_for_everything():
    assert not parse_json({})
    assert parse_json({"brand": "Nike"})
    assert Filter().check({}) == Filter()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (["brand"], "JSON object"),
        ({"brand": {}}, "condition on 'brand' is empty"),
        ({"brand": []}, "list of values for 'brand' is empty"),
        ({"brand": None}, "not None"),
        ({"brand": {"like": "N%"}}, "no operator 'like'.*any, not, gt"),
        ({"price": {"gt": "1"}}, "takes a number"),
        ({"price": {"gt": True}}, "takes a number"),
        ({"price": math.nan}, "finite"),
        ({"price": {"lt": math.inf}}, "finite"),
        ({"price": {"lt": 10**400}}, "finite"),
        ({"colour": {"missing": "yes"}}, "true or false"),
        ({"brand": [{"a": 1}]}, "compared with text"),
    ],
)
def test_json_that_means_nothing_is_refused(form: object, message: str):
    with pytest.raises(FilterError, match=message):
        parse_json(form)  # type: ignore[arg-type]


@pytest.mark.parametrize("clause", ["brand", "=Nike", "<5", "", "price<cheap", "price<"])
def test_clauses_that_cannot_be_read_are_refused(clause: str):
    with pytest.raises(FilterError):
        parse_clauses([clause])


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"colour": "red"}, "no field named 'colour'.*available, brand, price"),
        ({"brand": {"gt": 1}}, "holds keyword values; 'gt' needs a number"),
        ({"available": {"lt": 1}}, "holds bool values"),
        ({"price": "cheap"}, "'price' is a number field"),
        ({"price": True}, "'price' is a number field"),
        ({"price": "nan"}, "'price' is a number field"),
        ({"available": "perhaps"}, "'available' is true or false"),
        ({"available": 1}, "'available' is true or false"),
    ],
)
def test_fields_and_kinds_are_checked_by_name(form: dict[str, object], message: str):
    with pytest.raises(FilterError, match=message):
        parse_json(form).check(KINDS)


def test_a_missing_field_may_be_asked_of_any_kind():
    conditions = parse_json({name: {"missing": True} for name in KINDS})
    assert conditions.check(KINDS) is conditions


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        ("12", "number", 12.0),
        (" 1.5 ", "number", 1.5),
        ("TRUE", "bool", True),
        (False, "bool", False),
        (42.0, "keyword", "42"),
        (42, "keyword", "42"),
        (1234567.0, "keyword", "1234567"),
        (0.1, "keyword", "0.1"),
        (True, "keyword", "true"),
        ("Nike", "keyword", "Nike"),
    ],
)
def test_values_are_read_as_the_field_holds_them(value: object, kind: str, read: object):
    coerced = coerce("field", value, kind)  # type: ignore[arg-type]
    assert coerced == read
    assert type(coerced) is type(read)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_the_way_through_a_keyword(number: float):
    assert float(coerce("field", number, "keyword")) == number


@given(
    st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.booleans(), st.integers(-9, 9)), max_size=4)
)
def test_every_field_becomes_one_condition(form: dict[str, object]):
    parsed = parse_json(form)
    assert [condition.field for condition in parsed.conditions] == list(form)
    assert all(condition.operator == "any" for condition in parsed.conditions)


def test_of_many_fields_only_the_nearest_are_shown():
    kinds = {f"attribute_{n}": "keyword" for n in range(100)} | {"colour": "keyword"}
    with pytest.raises(FilterError, match=r"'color'.*: colour and 100 more"):
        parse_json({"color": "red"}).check(kinds)


def test_filters_are_read_in_every_form_that_lists_log():
    price = Condition("price", "lt", (50.0,))
    assert read_filter(None) == read_filter([]) == read_filter({}) == Filter()
    assert read_filter({"price": {"lt": 50}}).conditions == (price,)
    assert (
        read_filter(["price<50", '{"price": {"lt": 50}}', {"price": {"lt": 50}}]).conditions == (price,) * 3
    )
    assert read_filter({"colour": ["red"]}) == parse_json({"colour": ["red"]})
    for wrong in ("price<50", 3, ["{"], ["price any [50]"]):
        with pytest.raises(FilterError):
            read_filter(wrong)


@given(
    conditions=st.integers(1, 2 * MAX_CONDITIONS), values=st.integers(1, 40), is_text=st.booleans(),
    operator=st.sampled_from(["any", "not"]),
)  # fmt: skip
def test_a_filter_has_a_limit_in_every_form(conditions, values, is_text, operator):
    names = [f"field{number}" for number in range(conditions)]
    if is_text:
        sign = "=" if operator == "any" else "!="
        form = [f"{name}{sign}{'|'.join('v' * values)}" for name in names]
    else:
        form = {name: {operator: ["v"] * values} for name in names}
    if conditions <= MAX_CONDITIONS and conditions * values <= MAX_VALUES:
        assert len(read_filter(form).conditions) == conditions
    else:
        with pytest.raises(FilterError, match="at most"):
            read_filter(form)


@pytest.mark.parametrize(
    "form",
    [
        {"brand": ["v"] * (MAX_VALUES + 1)},
        [f"brand={'|'.join('v' * (MAX_VALUES + 1))}"],
        [f"{'brand' * 9000}={'v' * 9000}"],
        {"brand": "v" * (MAX_VALUE_CHARS + 1)},
        {"brand": {"gt": "v" * 9000}},
        {"brand": {"v" * 9000: 1}},
        {"brand": {"missing": ["v"] * 9000}},
        {"brand": [["v"] * 9000]},
        {"brand": {"not": {"v": ["v"] * 9000}}},
        ["{" * 9000],
        ["x" * 9000],
    ],
)
def test_a_refusal_is_short_however_long_the_filter(form):
    with pytest.raises(FilterError) as refused:
        read_filter(form)
    assert len(str(refused.value)) < 400
