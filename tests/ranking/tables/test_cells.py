"""Ids, numbers and nothing, as files write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.tables.cells import ABSENT, identifier, identifiers, is_absent, number, present


@given(st.sampled_from(sorted(ABSENT)), st.text(" \t", max_size=3))
def test_what_others_write_for_nothing_is_nothing(word, blanks):
    cell = f"{blanks}{word}{blanks}"
    assert is_absent(cell)
    assert identifier(cell) == ""
    assert number(cell) is None


def test_nothing_has_no_text_whatever_its_type():
    for cell in (None, float("nan"), ""):
        assert is_absent(cell)
        assert identifier(cell) == ""


@given(st.integers(0, 2**70))
def test_a_whole_number_is_its_digits_in_every_type(value):
    assert identifier(value) == identifier(str(value)) == identifier(f" {value} ") == str(value)
    if value < 2**53:
        assert identifier(float(value)) == str(value)


@pytest.mark.parametrize("text", ["007", "NAOMI", "0108775015", "a b", "1.50", "nano", "none of these"])
def test_an_id_stays_as_it_is_written(text):
    assert identifier(text) == text
    assert not is_absent(text)


@given(st.decimals(-1000, 1000, places=3))
def test_a_decimal_comma_is_a_decimal_point(value):
    assert number(str(value)) == number(str(value).replace(".", ",")) == pytest.approx(float(value))


@pytest.mark.parametrize("cell", ["good", "1.234,5", "1,2,3", True, [1], "inf", float("inf")])
def test_what_is_no_number_is_none(cell):
    assert number(cell) is None


ANY = (
    st.sampled_from([*sorted(ABSENT), " NA ", None, True, 17.0, 1.5, b"b", [1], {}])
    | st.text(max_size=3)
    | st.integers()
)


@given(
    st.lists(ANY) | st.lists(st.text(max_size=3)) | st.lists(st.integers() | st.none()) | st.lists(st.none())
)
def test_a_column_is_read_as_its_cells_are(cells):
    assert identifiers(cells) == [identifier(cell) for cell in cells]
    assert list(present(cells)) == [None if is_absent(cell) else cell for cell in cells]
