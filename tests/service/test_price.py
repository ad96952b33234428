import pytest

from vlclip.service.http.price import format_price


@pytest.mark.parametrize(
    ("item", "price"),
    [
        ({}, ""),
        ({"price": 10.0}, "10.00"),
        ({"price": 10.0, "currency": "EUR"}, "10.00 EUR"),
        ({"price": 10.0, "price_to": 25.5, "currency": "EUR"}, "10.00 – 25.50 EUR"),  # noqa: RUF001 - the dash of ranges
        ({"price": 10.0, "price_to": 10.0, "currency": "EUR"}, "10.00 EUR"),
        ({"price_to": 25.5, "currency": "EUR"}, ""),
        ({"price": "10", "currency": "EUR"}, ""),
    ],
)
def test_a_price_is_shown_with_its_range_and_currency(item, price):
    assert format_price(item, ".2f") == price
