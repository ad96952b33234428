import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.amount import column_mark, proven_mark, read_amount
from vlclip.ingestion.reading.currencies import currencies

WAYS = [(".", ","), (",", "."), (".", "'"), (",", " "), (".", " "), (".", ""), (",", ""), (",", "'")]
"""Decimal sign and separator of thousands, as countries write them."""


def write(number: float, decimals: int, way: tuple[str, str]) -> str:
    signs = str.maketrans({".": way[0], ",": way[1]})
    return f"{number:,.{decimals}f}".translate(signs)


@given(st.integers(0, 10**9), st.sampled_from([1, 2]), st.sampled_from(WAYS))
def test_a_number_is_read_whatever_its_separators(units, decimals, way):
    number = units / 10**decimals
    assert read_amount(write(number, decimals, way)) == number


@given(st.lists(st.integers(0, 10**8), min_size=1), st.integers(0, 10**7), st.sampled_from(WAYS))
def test_the_other_values_of_a_column_decide_what_a_lone_separator_is(cents, whole, way):
    column = [write(amount / 100, 2, way) for amount in cents]
    mark = column_mark(column)
    assert mark == way[0]
    assert read_amount(write(whole, 0, way), mark) == whole


@pytest.mark.parametrize(
    ("digits", "currency", "amount"),
    [
        ("1.299", "", 1.299),
        ("1,299", "", 1299),
        ("1.299", "EUR", 1299),
        ("1,299", "EUR", 1299),
        ("1.299", "USD", 1.299),
        ("1,299", "USD", 1299),
        ("1.299", "KWD", 1.299),
        ("1,299", "KWD", 1299),
        ("1.299", "TND", 1299),
        ("1,299", "TND", 1.299),
        ("15.000", "JPY", 15000),
        ("15.000", "IDR", 15000),
        ("0.125", "EUR", 0.125),
        ("1234.567", "EUR", 1234.567),
        ("1'299.500", "EUR", 1299.5),
        ("12,34,567.8", "INR", 1234567.8),
    ],
)
def test_without_a_column_the_currency_decides(digits, currency, amount):
    assert read_amount(digits, "", currency) == amount


@pytest.mark.parametrize("decimal_mark", [".", ","])
@given(st.sampled_from(sorted(currencies())))
def test_a_column_outweighs_a_currency(decimal_mark, currency):
    expected = {".": 1.299, ",": 1299}
    assert read_amount("1.299", decimal_mark, currency) == expected[decimal_mark]


@pytest.mark.parametrize(
    "digits", ["3..5", "1,2,3", "1.2.3", "1,299,50", "12,34,567.8.9", "1.299,000.50", "12 50", "1'29", "1'2"]
)
def test_separators_in_the_wrong_places_are_no_number(digits):
    assert read_amount(digits) is None


@pytest.mark.parametrize(
    ("column", "mark"),
    [
        (["1.299", "2.499", "12.999", "899"], ","),
        (["1,299", "2,499", "12,999", "899"], "."),
        (["1.299", "2.499", "12.999", "1899"], ""),
        (["1.299", "2.499", "899"], ""),
        (["1.299", "2.499", "12.999"], ""),
        (["1.299", "2.499", "899", "9.5"], "."),
        (["1.299.000", "1.299"], ","),
        (["12,50", "12.50"], ""),
        (["$1,299.00", "$5"], "."),
        ([], ""),
    ],
)
def test_what_a_column_says(column, mark):
    assert column_mark(column) == mark


@given(st.from_regex(r"[0-9.,' ]{1,12}", fullmatch=True), st.sampled_from(["", ".", ","]))
def test_any_digits_are_a_number_or_none(digits, mark):
    number = read_amount(digits, mark) if any(map(str.isdigit, digits)) else None
    assert number is None or number >= 0
    assert proven_mark(digits) in ("", ".", ",")
