import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ingestion.reading.price_text import read_words


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("12", ("12",)),
        ("10 - 20 €", ("10", "20")),
        ("between $10 and $20", ("10", "20")),
        ("zwischen 10 und 20 €", ("10", "20")),
        ("$10.00-$25.00", ("10.00", "25.00")),
        ("was $20 now $15", ("15",)),
        ("statt 20 € jetzt 15 €", ("15",)),
        ("0.5 kg 2.99 EUR", ("2.99",)),
        ("2.99 EUR, 500 g", None),
        ("5€99", ("5.99",)),
        ("10 20", None),
        ("2 for $5", None),
        ("3 x 1.99", None),
        ("up to $50", None),
        ("bis 50 €", None),
        ("12 or 13", None),
        ("1+1 free", None),
        ("5 kg", None),
        ("20%", None),
        ("2024-01-02", None),
        ("$10 - €20", None),
        ("5 USD EUR", None),
    ],
)
def test_which_numbers_are_the_price(text, numbers):
    reading = read_words(text)
    assert (reading.numbers if reading else None) == numbers


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("2.99 / kg", "kg"),
        ("2.99 EUR/100 g", "100 g"),
        ("per 100 g 2.99", "100 g"),
        ("12 pro Stück", "stück"),
        ("12 le lot", "lot"),
        ("$5 a month", "month"),
        ("12 / bunch", "bunch"),
        ("12 each", ""),
        ("129 kr/st", "st"),
        ("12 m²".replace("²", "2"), None),
    ],
)
def test_what_a_price_is_for(text, unit):
    reading = read_words(text)
    assert (reading.unit if reading else None) == unit


@pytest.mark.parametrize("text", ["from 12", "ab 12", "à partir de 12", "vanaf 12", "desde 12", "12+"])
def test_a_lowest_price_is_recognised(text):
    reading = read_words(text)
    assert reading is not None
    assert (reading.numbers, reading.is_lowest) == (("12",), True)


@given(st.text(max_size=30))
def test_any_text_is_one_number_or_a_range_or_not_read(text):
    reading = read_words(text)
    assert reading is None or reading.is_free or len(reading.numbers) in (1, 2)
