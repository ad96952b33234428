from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.errors import ItemError
from vlclip.ingestion.reading import values

NAN = float("nan")


@pytest.mark.parametrize(
    "cell", [None, "", "  ", NAN, [], {}, (), [None, ""], {"url": None, "alt": " "}, [[], {}]]
)
def test_these_say_nothing(cell):
    assert values.absent(cell)
    assert values.text(cell) == ""
    assert values.attribute(cell) is None


@pytest.mark.parametrize(
    ("cell", "identifier"),
    [
        (7, "7"),
        (7.0, "7"),
        ("7", "7"),
        (" a b ", "a b"),
        (None, ""),
        (NAN, ""),
        (True, ""),
        (7.5, "7.5"),
        ([1], ""),
        (Decimal("17.00"), "17"),
        (Decimal("7.5"), "7.5"),
        (Decimal("NaN"), ""),
        (float("inf"), ""),
        (10**400, str(10**400)),
    ],
)
def test_ids(cell, identifier):
    assert values.identifier(cell) == identifier


@given(st.integers(-(10**38), 10**38))
def test_a_whole_number_is_its_digits_as_an_id_however_long(number):
    assert values.identifier(number) == values.identifier(Decimal(number)) == str(number)


@pytest.mark.parametrize(
    ("cell", "attribute"),
    [
        ("red", "red"),
        (3, 3),
        (2.5, 2.5),
        (False, False),
        (Decimal("1.5"), 1.5),
        (date(2024, 2, 3), "2024-02-03"),
        (["a", None, "b"], ("a", "b")),
        ((1, 2), (1, 2)),
        (float("inf"), None),
        ([{"a": 1}], None),
        ({"a": 1}, None),
        (b"bytes", None),
        (2**70, float(2**70)),
    ],
)
def test_attributes_are_scalars_or_lists_of_them(cell, attribute):
    assert values.attribute(cell) == attribute


@pytest.mark.parametrize(
    ("written", "number"),
    [("3", 3), ("0", 0), ("-2.50", -2.5), ("007", None), ("5901234123457", None), ("", None), ("3 kg", None)],
)
def test_codes_with_leading_zeros_and_barcodes_are_no_numbers(written, number):
    assert values.written_number(written) == number


def test_popularity_that_is_no_number_is_refused():
    with pytest.raises(ItemError, match="popularity 'high' is not a number"):
        values.number("popularity", "high")
