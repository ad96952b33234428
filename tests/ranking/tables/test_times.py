"""Moments in every unit and text that tables have."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.tables.times import (
    FIRST,
    LAST,
    ORDINAL,
    UNITS,
    TimeForm,
    TimeTally,
    clock_seconds,
    form_of,
    is_day_only,
    looks_like_clock,
    looks_like_times,
    text_seconds,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MOMENTS = st.integers(int(FIRST), int(LAST) - 1)


def form(cells):
    tally = TimeTally()
    tally.add(cells)
    return tally.form("at")


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(list(UNITS)), st.booleans())
def test_the_values_of_a_column_show_their_unit(moments, unit, as_text):
    numbers = [moment * int(UNITS[unit]) for moment in moments]
    cells = list(map(str, numbers)) if as_text else numbers
    read = form(cells)
    assert read.form == unit
    assert [read.seconds(cell) for cell in cells] == pytest.approx(moments, abs=1e-5)


TEXTS = [
    "{:%Y-%m-%d %H:%M:%S} UTC", "{:%Y-%m-%dT%H:%M:%SZ}", "{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M:%S+00:00}",
    "{:%Y/%m/%d %H:%M:%S}", "{:%Y-%m-%d %H:%M:%S}.000000 UTC", "{:%Y-%m-%dT%H:%M:%S}.000Z",
    "{:%Y-%m-%d  %H:%M:%S} GMT",
]  # fmt: skip


@given(MOMENTS, st.sampled_from(TEXTS))
def test_a_moment_is_read_from_every_text(moment, template):
    cell = template.format(datetime.fromtimestamp(moment, UTC))
    assert text_seconds(cell) == moment
    assert form([cell, "NA"]).seconds(cell) == moment


@given(MOMENTS, st.integers(-720, 720))
def test_a_zone_moves_the_clock_and_not_the_moment(moment, minutes):
    there = datetime.fromtimestamp(moment, timezone(timedelta(minutes=minutes)))
    assert text_seconds(there.isoformat()) == text_seconds(there) == moment
    assert text_seconds(there.strftime("%Y/%m/%d %H:%M:%S %z")) == moment


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_day_is_its_midnight(day):
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    cells = [day.isoformat(), f"{day:%Y%m%d}", int(f"{day:%Y%m%d}"), day]
    assert [form([cell]).seconds(cell) for cell in cells] == [midnight] * 4
    assert is_day_only(cells)
    assert not is_day_only([*cells, f"{day} 00:00:01"])


@given(st.lists(MOMENTS, min_size=1), st.lists(MOMENTS, min_size=1), st.permutations(list(UNITS)))
def test_mixed_units_are_refused_with_their_numbers(some, others, units):
    first, second = units[:2]
    cells = [moment * int(UNITS[first]) for moment in some] + [
        moment * int(UNITS[second]) for moment in others
    ]
    with pytest.raises(EvaluationError, match="'at' mix units") as caught:
        form(cells)
    counted = re.findall(r"(\d+) (?:milli|micro|nano)?seconds", str(caught.value))
    assert sorted(map(int, counted)) == sorted([len(some), len(others)])


def test_a_few_others_are_let_be_where_that_is_allowed():
    tally = TimeTally()
    tally.add([int(NOW)] * 99 + [int(NOW) * 1000])
    assert tally.form("at", least=0.9) == TimeForm("s")
    with pytest.raises(EvaluationError, match="99 seconds"):
        tally.form("at")


@given(st.lists(st.integers(-1000, 1_000_000), min_size=1))
def test_numbers_without_a_unit_say_an_order(numbers):
    read = form(numbers)
    assert read.form == ORDINAL
    assert [read.seconds(number) for number in numbers] == numbers


@pytest.mark.parametrize(
    "cell", ["soon", "2019-02-30", "10/1/2019", "2019-10-01 25:00:00", "2019-10-01 10:75", b"x", []]
)
def test_what_is_no_time_is_not_made_one(cell):
    assert text_seconds(cell) is None
    assert form_of(cell) == "unreadable"
    assert not looks_like_times([cell], NOW)


@given(st.lists(MOMENTS.filter(lambda moment: moment < NOW), min_size=1), st.sampled_from(list(UNITS)))
def test_a_column_of_moments_looks_like_times(moments, unit):
    assert looks_like_times([None, "NA", *(moment * int(UNITS[unit]) for moment in moments)], NOW)


@pytest.mark.parametrize(
    "cells", [[], [None, ""], [1, 2, 3], ["red"], [19.99, 5.0], [4006381333931], [int(NOW), 7], ["10:15"]]
)
def test_prices_barcodes_and_words_do_not(cells):
    assert not looks_like_times(cells, NOW)


@given(st.times())
def test_a_time_of_the_day_is_its_seconds(moment):
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    assert clock_seconds(moment) == clock_seconds(moment.isoformat()) == pytest.approx(seconds)
    assert looks_like_clock([moment, moment.isoformat(), "", None])
    assert not looks_like_clock([moment, "noon"])
    assert clock_seconds(f"{moment:%H:%M}") == moment.hour * 3600 + moment.minute * 60


def test_a_time_is_no_number_and_a_day_beyond_the_calendar_no_day():
    assert clock_seconds("24:10") is None
    assert clock_seconds(time(1)) == 3600
    assert form_of(20191345) == ORDINAL


WRITTEN = st.sampled_from([
    "2020-09-13 12:26:40 UTC", "2020-09-13T12:26:40Z", "2020-09-13T12:26:40.5+02:00", "2020-09-13",
    " 2020-09-13 ",
    "2020/9/3 1:02", "20200913", "2020-09-13 23:59:60", "2020-13-01", "soon", "", "NA", "1600000000", "1e9",
    "16e-3", "1_600", "-5", "nan", "inf", "20191001", 1_600_000_000, 1.6e9, 20191001, 2**70,
    10**400, True, None,
    date(2020, 9, 13), datetime(2020, 9, 13, tzinfo=UTC),
])  # fmt: skip
WRITTEN_TEXTS = WRITTEN.filter(lambda cell: isinstance(cell, str))
FORMS = st.sampled_from([*UNITS, "text", "day", "number"])


@given(
    FORMS,
    st.lists(WRITTEN, max_size=3) | st.lists(WRITTEN_TEXTS, max_size=3),
)
def test_a_column_is_read_as_its_cells_are(form, cells):
    times = TimeForm(form)
    assert times.column(cells) == [times.seconds(cell) for cell in cells]
    assert times.column(cells * 3) == times.column(cells) * 3


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(TEXTS), FORMS)
def test_a_column_of_one_form_is_read_as_its_cells_are(moments, template, form):
    texts = [template.format(datetime.fromtimestamp(moment, UTC)) for moment in moments]
    for cells in (texts, moments, list(map(str, moments))):
        assert TimeForm(form).column(cells) == [TimeForm(form).seconds(cell) for cell in cells]
