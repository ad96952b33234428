import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingestion.reading.test_amount import WAYS, write
from vlclip.ingestion.reading.currencies import currencies, marks
from vlclip.ingestion.reading.price import Price, read_price

PLAIN_MARKS = sorted(mark for mark, meaning in marks().items() if not meaning.is_minor)
BLANKS = ["", " ", "\u00a0", "\u202f", "\u2009"]


@given(
    st.integers(1, 10**9),
    st.sampled_from(WAYS),
    st.sampled_from(PLAIN_MARKS),
    st.sampled_from(BLANKS),
    st.sampled_from(BLANKS[1:]),
    st.booleans(),
    st.booleans(),
)
def test_a_number_with_any_mark_in_any_countrys_way_is_that_number(
    cents, way, mark, blank, grouping, is_before, is_upper
):
    digits = write(cents / 100, 2, way).replace(" ", grouping)
    written_mark = mark.upper() if is_upper else mark
    written = f"{written_mark}{blank}{digits}" if is_before else f"{digits}{blank}{written_mark}"
    assert read_price(written) == Price(cents / 100, currency=marks()[mark].code)


@given(st.integers(1, 10**6), st.sampled_from(sorted(currencies())), st.sampled_from("'\u2019\u02bc\u00b4"))
def test_swiss_writing_is_read_with_every_apostrophe_and_dash(whole, code, apostrophe):
    digits = f"{whole:,}".replace(",", apostrophe)
    for cents in (".-", ".\u2013", ",-", ",--", ".00", ",00", ""):
        assert read_price(f"{code} {digits}{cents}") == Price(whole, currency=code)


@given(
    st.integers(1, 10**6),
    st.sampled_from([",", ".", "'", " "]),
    st.sampled_from(["-", "--", "\u2013", "\u2014"]),
)
def test_a_dash_for_cents_says_which_separator_is_the_decimal_one(whole, thousands, dash):
    mark = "." if thousands == "," else ","
    digits = f"{whole:,}".replace(",", thousands)
    assert read_price(f"{digits}{mark}{dash}") == Price(whole)
    assert read_price(f"€ {digits}{mark}{dash}") == Price(whole, currency="EUR")


@given(
    st.integers(1, 10**8),
    st.integers(1, 10**8),
    st.sampled_from(WAYS),
    st.sampled_from(["-", " - ", " \u2013 ", " to ", " bis ", " à ", "~"]),
    st.sampled_from(["€", "USD", "zł", ""]),
)
def test_the_lower_bound_of_a_range_is_the_price(first, second, way, between, mark):
    price = read_price(f"{write(first / 100, 2, way)}{between}{write(second / 100, 2, way)} {mark}".strip())
    assert price.amount == min(first, second) / 100
    assert price.upper == (max(first, second) / 100 if first != second else None)


@pytest.mark.parametrize(
    ("written", "price", "currency"),
    [
        (19.99, 19.99, ""),
        (20, 20.0, ""),
        ("19.99", 19.99, ""),
        (" 19.99 ", 19.99, ""),
        ("$1,299.00", 1299.0, "USD"),
        ("1.299,00 €", 1299.0, "EUR"),
        ("12,50", 12.5, ""),
        ("1,299", 1299.0, ""),
        ("1.299.000", 1299000.0, ""),
        ("£.50", 0.5, "GBP"),
        ("₹12,34,567.8", 1234567.8, "INR"),
        ("1e3", 1000.0, ""),
        ("$12.99 USD", 12.99, "USD"),
        ("$12.99 CAD", 12.99, "CAD"),
        ("US $12.99", 12.99, "USD"),
        ("A$15", 15.0, "AUD"),
        ("R$ 129,90", 129.9, "BRL"),
        ("149,- Kč", 149.0, "CZK"),
        ("129 kr", 129.0, "kr"),
        ("129 kr DKK", 129.0, "DKK"),
        ("99¢", 0.99, "USD"),
        ("£12.50 inc VAT", 12.5, "GBP"),
        ("Preis: 12,50 € inkl. MwSt.", 12.5, "EUR"),
        ("1,99 € (1 kg = 3,98 €)", 1.99, "EUR"),
        ("<del>&euro;20</del> <ins>&euro;15</ins>", 15.0, "EUR"),
        ("\u0663\u066b\u0665 د.ك", 3.5, "KWD"),
        ("\uff11\uff0c\uff12\uff19\uff19円", 1299.0, "JPY"),
        ("5 XOF", 5.0, "XOF"),
        ("Rs 1,299/-", 1299.0, "INR"),
        ("\u20a1 5.000", 5000.0, "CRC"),
        ("U$S 20", 20.0, "USD"),
        ("1.299,00 din.", 1299.0, "RSD"),
        ("€12 + shipping", 12.0, "EUR"),
    ],
)
def test_prices_as_shops_write_them(written, price, currency):
    assert read_price(written) == Price(price, currency=currency)


@pytest.mark.parametrize("written", ["Free", "GRATIS", "kostenlos", "za darmo", "no charge", 0, "0", "0.00"])
def test_what_is_free_costs_nothing(written):
    assert read_price(written).amount == 0


@pytest.mark.parametrize(
    "written",
    [
        "abc", "inf", "-Infinity", "1e999", True, "12 or 13", "N/A", "—", "Sold out", "auf Anfrage", "TBD",
        "null", [True], "5 apples", "3..5 €", "1,2,3 €", "1.2.3 €", -5, "-5.00", "-5 €", "€ -5", "\u22125",
        "2 for $5", "free shipping", float("nan"), "nan", float("inf"), 10**400, {"foo": 1}, ["sold out"],
        "5 all", b"5", "x" * 10_000, "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_price_has_a_note_that_says_so(written):
    price = read_price(written)
    assert price.amount is None
    assert price.notes
    assert all(note.startswith("price ") and len(note) < 140 for note in price.notes)


def test_notes_of_one_kind_are_counted_together():
    assert read_price("3 for $10").notes == read_price("12 for $1,299.50").notes
    assert "'# for $#'" in read_price("3 for $10").notes[0]


@pytest.mark.parametrize("cell", [None, "", " ", [], {}, [None], {"amount": None}])
def test_an_empty_cell_says_nothing(cell):
    assert read_price(cell) == Price()


def test_what_is_more_than_a_number_is_noted():
    assert read_price("from 12").notes == ("price is written as the lowest of several; kept as the price",)
    per_kilo = read_price("2.99 € / kg")
    assert (per_kilo.amount, per_kilo.unit) == (2.99, "kg")
    assert per_kilo.notes


@pytest.mark.parametrize(
    ("cell", "price"),
    [
        ({"amount": "12.99", "currencyCode": "EUR"}, Price(12.99, currency="EUR")),
        ({"value": 12.99, "currency": "EUR"}, Price(12.99, currency="EUR")),
        ({"price": {"amount": "1.299", "currency": "EUR"}}, Price(1299, currency="EUR")),
        ({"@type": "Offer", "price": "12.99", "priceCurrency": "EUR"}, Price(12.99, currency="EUR")),
        ({"lowPrice": 10, "highPrice": 20, "priceCurrency": "EUR"}, Price(10, 20, "EUR")),
        ({"min": 10, "max": 20}, Price(10, 20)),
        ({"unit_amount": 1999, "currency": "usd"}, Price(19.99, currency="USD")),
        ({"unit_amount": 1999, "currency": "jpy"}, Price(1999.0, currency="JPY")),
        (
            {"unit_amount_decimal": "50.5", "currency": "eur"},
            Price(0.505, currency="EUR"),
        ),
        (
            {"price": "1999", "regular_price": "2499", "currency_code": "EUR", "currency_minor_unit": 2},
            Price(19.99, currency="EUR"),
        ),
        (
            {
                "price": "1999",
                "price_range": {"min_amount": "1999", "max_amount": "2999"},
                "currency_code": "EUR",
                "currency_minor_unit": 2,
            },
            Price(19.99, 29.99, currency="EUR"),
        ),
        ({"price": "19.99", "currency_code": "EUR", "currency_minor_unit": 2}, Price(19.99, currency="EUR")),
        ({"price": "1999", "currency_code": "JPY", "currency_minor_unit": 0}, Price(1999.0, currency="JPY")),
        ({"price": "1999", "currency_minor_unit": 10**12}, Price(1999.0)),
        ({"centAmount": 1299, "currencyCode": "EUR", "fractionDigits": 2}, Price(12.99, currency="EUR")),
        ([{"amount": "12.99", "currency": "EUR"}], Price(12.99, currency="EUR")),
        ([19.99, 12.99, None], Price(12.99, 19.99)),
        (
            [{"price": 20, "priceType": "https://schema.org/ListPrice"}, {"price": 15, "currency": "EUR"}],
            Price(15, currency="EUR"),
        ),
        ({"value": 12.99, "currency": {"code": "EUR", "symbol": "€"}}, Price(12.99, currency="EUR")),
        ({"gross": 12.99, "net": 10.92, "currency": "EUR"}, Price(12.99, currency="EUR")),
        ({"regular": 15, "sale": 12}, Price(12.0)),
        ({"amountMin": 10, "amountMax": 20}, Price(10.0, 20.0)),
        ('{"amount": "12.99", "currency": "EUR"}', Price(12.99, currency="EUR")),
    ],
)
def test_prices_in_objects_and_lists(cell, price):
    assert read_price(cell) == price


def test_of_several_currencies_that_of_the_row_is_kept_else_the_first():
    cell = {"USD": 14, "EUR": "12,99"}
    assert read_price(cell).notes == ("price is given in several currencies; kept in USD",)
    assert read_price(cell).amount == 14
    in_euros = read_price(cell, currency="EUR")
    assert (in_euros.amount, in_euros.currency) == (12.99, "EUR")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["amount", "max", "EUR"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON | st.text(max_size=40), st.sampled_from(["", ".", ","]))
def test_any_cell_has_an_amount_or_a_note_or_is_empty(cell, mark):
    price = read_price(cell, decimal_mark=mark)
    for bound in (price.amount, price.upper):
        assert bound is None or (math.isfinite(bound) and bound >= 0)
    assert price.upper is None or price.upper > price.amount


@given(st.integers(0, 10**9), st.integers(0, 4), st.sampled_from(["number", "text"]))
def test_smallest_units_are_the_price_in_digits_that_the_object_names(amount, digits, form):
    cell = amount if form == "number" else str(amount)
    expected = Price(amount / 10**digits, currency="EUR")
    assert read_price({"price": cell, "currency_code": "EUR", "currency_minor_unit": digits}) == expected
    assert read_price({"centAmount": cell, "currencyCode": "EUR", "fractionDigits": digits}) == expected
