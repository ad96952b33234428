"""Events as columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import BadEvent
from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.events import Event, has_bad_name

NAMES = [field.name for field in fields(EventBatch)]
TEXT = st.sampled_from(["a", "b c", "x" * 513, "a\x00", "\ud800", "ß"])
EVENTS = st.lists(
    st.fixed_dictionaries({
        "id": TEXT, "kind": st.just("view"), "item": TEXT, "time": st.just(1.0), "user": TEXT,
        "session": TEXT, "request_id": TEXT, "value": st.none(),
    }),
    max_size=6,
)  # fmt: skip


@given(EVENTS)
def test_a_batch_holds_the_events_that_can_be_and_counts_the_others(forms):
    batch = EventBatch(**{name: [form[name] for form in forms] for name in NAMES})
    events, reasons = [], Counter()
    for form in forms:
        try:
            events.append(Event(**form))
        except BadEvent as error:
            reasons[str(error)] += 1
    refused = Counter()
    checked = batch.checked(refused)
    assert list(checked.events()) == events
    assert refused == reasons
    assert checked.units() == [event.unit for event in events]
    assert has_bad_name(batch.user) == any(has_bad_name([name]) for name in batch.user)


@given(st.lists(EVENTS))
def test_joined_batches_hold_the_events_of_each_in_their_order(parts):
    batches = [EventBatch(**{name: [form[name] for form in forms] for name in NAMES}) for forms in parts]
    joined = EventBatch.joined(batches)
    for name in NAMES:
        assert getattr(joined, name) == [form[name] for forms in parts for form in forms]
