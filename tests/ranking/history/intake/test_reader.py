"""Rows as events, in whatever portions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.intake.preset import choose_preset
from vlclip.ranking.history.intake.reader import EventReader, cell_getter, derived_id
from vlclip.ranking.history.intake.shape import choose_shape
from vlclip.ranking.tables.times import TimeForm

NOW = 1_700_000_000.0
CELLS = {
    "user_id": st.sampled_from(["u", "v", "NA", None, "x" * 600]),
    "user_session": st.sampled_from(["s", "", None]),
    "product_id": st.sampled_from(["i", 7, 7.0, None, ""]),
    "event_type": st.sampled_from(["view", "purchase", "wish", None, 3]),
    "event_time": st.sampled_from([1_600_000_000, "1600000001", 5, None, "soon", NOW + 10**6]),
    "price": st.sampled_from(["2,5", 3, None, "dear"]),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), max_size=8)


def reader():
    columns = list(CELLS)
    shape = choose_shape(choose_preset("auto", columns), columns, [], (), {}, "", "log")
    return EventReader(shape, TimeForm("s"), NOW)


@given(ROWS, st.integers(1, 8))
def test_every_row_is_an_event_or_counted_in_whatever_portions_they_come(rows, size):
    whole, parts = reader(), reader()
    events = list(whole.read(rows).events())
    assert len(events) + whole.left_out.total() + whole.unknown_kinds.total() == len(rows)
    portions = [parts.read(rows[start : start + size]) for start in range(0, len(rows), size)]
    assert [event for portion in portions for event in portion.events()] == events
    assert (parts.left_out, parts.unknown_kinds) == (whole.left_out, whole.unknown_kinds)
    for event in events:
        assert event.time in (1_600_000_000, 1_600_000_001)
        assert event.value is None or (event.kind == "purchase" and event.value in (2.5, 3))


@given(st.text(max_size=4), st.text(max_size=4), st.floats(1e9, 2e9), st.text(max_size=4))
def test_an_id_says_who_what_and_when_and_ids_come_in_the_order_of_time(item, other, moment, unit):
    first = derived_id("view", item, moment, unit)
    assert first == derived_id("view", item, moment, unit)
    assert (first == derived_id("view", other, moment, unit)) == (item == other)
    assert first < derived_id("view", other, moment + 1, unit)
    assert first != derived_id("cart", item, moment, unit)


def test_a_column_whose_name_has_a_dot_wins_over_a_path():
    get = cell_getter("a.b")
    assert get({"a": {"b": 1}}) == 1
    assert get({"a": {"b": 1}, "a.b": 2}) == 2
    assert get({"a": "text"}) is get({}) is None


def test_a_batch_of_nothing_is_nothing():
    assert len(reader().read([])) == 0
    assert isinstance(reader().read([]), EventBatch)
