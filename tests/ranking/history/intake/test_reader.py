"""Rows as events, in whatever portions."""

from __future__ import annotations

from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.tables.block import RowBlock
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.intake.preset import choose_preset
from vlclip.ranking.history.intake.reader import EventReader, derived_ids
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
    events = list(whole.read(RowBlock(rows)).events())
    assert len(events) + whole.left_out.total() + whole.unknown_kinds.total() == len(rows)
    portions = [parts.read(RowBlock(rows[start : start + size])) for start in range(0, len(rows), size)]
    assert [event for portion in portions for event in portion.events()] == events
    assert (parts.left_out, parts.unknown_kinds) == (whole.left_out, whole.unknown_kinds)
    for event in events:
        assert event.time in (1_600_000_000, 1_600_000_001)
        assert event.value is None or (event.kind == "purchase" and event.value in (2.5, 3))


def derived_id(kind, item, moment, unit):
    """What the id of an event is, and has to stay: an earlier import may be repeated."""
    text = f"{kind}\x00{item}\x00{unit}".encode("utf-8", "surrogatepass")
    return f"{round(moment * 1e6):013x}{blake2b(text, digest_size=10).hexdigest()}"


TEXTS, MOMENTS = st.text(max_size=4), st.floats(1e9, 2e9)


@given(st.lists(st.tuples(st.sampled_from(["view", "cart"]), TEXTS, MOMENTS, TEXTS), min_size=1))
def test_the_ids_of_a_batch_are_those_of_its_events(events):
    assert derived_ids(*zip(*events, strict=True)) == [derived_id(*event) for event in events]


@given(TEXTS, TEXTS, MOMENTS, TEXTS)
def test_an_id_says_who_what_and_when_and_ids_come_in_the_order_of_time(item, other, moment, unit):
    ids = derived_ids(
        ["view", "view", "view", "view", "cart"],
        [item, item, other, other, item],
        [moment, moment, moment, moment + 1, moment],
        [unit] * 5,
    )
    first, again, of_other, later, of_kind = ids
    assert first == again
    assert (first == of_other) == (item == other)
    assert first < later
    assert first != of_kind


def test_a_batch_of_nothing_is_nothing():
    assert len(reader().read(RowBlock([]))) == 0
    assert isinstance(reader().read(RowBlock([])), EventBatch)
