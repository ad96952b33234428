import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import ItemError
from vlclip.ingestion.reading.price import parse_price


@pytest.mark.parametrize(
    ("written", "price", "currency"),
    [
        (19.99, 19.99, ""),
        (20, 20.0, ""),
        ("19.99", 19.99, ""),
        (" 19.99 ", 19.99, ""),
        ("19.99 USD", 19.99, "USD"),
        ("$1,299.00", 1299.0, "USD"),
        ("1.299,00 €", 1299.0, "EUR"),
        ("12,50", 12.5, ""),
        ("1,299", 1299.0, ""),
        ("1.299.000", 1299000.0, ""),
        ("1 299,90", 1299.9, ""),
        ("EUR 5", 5.0, "EUR"),
        ("£.50", 0.5, "GBP"),
        ("-3.5", -3.5, ""),
        ("-.5 €", -0.5, "EUR"),
        ("₹12,34,567.8", 1234567.8, "INR"),
        ("CHF 1'299.00", 1299.0, "CHF"),
    ],
)
def test_prices_as_shops_write_them(written, price, currency):
    assert parse_price(written) == (price, currency)


@pytest.mark.parametrize(
    "written",
    [
        "abc",
        "inf",
        "-Infinity",
        "1e999",
        True,
        "12 or 13",
        "from 5",
        "N/A",
        "--",
        [1],
        "5 apples",
        "3..5 €",
        "1,2,3 €",
        "1.2.3 €",
        "1,299,50",
        "12,34,567.8.9 €",
        "1.299,000.50 €",
    ],
)
def test_anything_else_is_refused_and_says_so(written):
    with pytest.raises(ItemError, match="price"):
        parse_price(written)


def test_a_number_too_large_for_a_float_is_refused():
    with pytest.raises(ItemError, match="too large"):
        parse_price(10**400)


@pytest.mark.parametrize("written", [float("nan"), "nan", "NaN"])
def test_nan_is_given_back_for_the_caller_to_judge(written):
    assert math.isnan(parse_price(written)[0])


@given(st.floats(min_value=0.01, max_value=1e7).map(lambda x: round(x, 2)))
def test_english_and_continental_writing_mean_the_same(price):
    english = f"{price:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    assert parse_price(english)[0] == parse_price(continental)[0] == price


@given(st.text(max_size=40))
def test_whatever_is_written_the_answer_is_a_number_or_an_item_error(written):
    try:
        price, _ = parse_price(written)
    except ItemError:
        return
    assert not math.isinf(price)
