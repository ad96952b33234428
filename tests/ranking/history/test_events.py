"""An event belongs to one unit, and an event that breaks a rule is refused by the name of its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import BadEvent
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import MAX_ID, Event, unit_of

GOOD = {"id": "1", "kind": "view", "item": "shoe", "time": 1_700_000_000.0, "user": "ann"}
TEXTS = ("id", "item", "user", "session", "request_id")


def test_an_event_belongs_to_its_user_or_else_to_its_session():
    assert Event(**GOOD).unit == "user:ann"
    assert Event(**GOOD, session="s1").unit == "user:ann"
    assert Event(**{**GOOD, "user": ""}, session="s1").unit == "session:s1"
    assert unit_of() == ""


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_unit_says_which_of_both_it_is(user, session):
    unit = unit_of(user, session)
    kind, _, name = unit.partition(":")
    assert (kind, name) == (("user", user) if user else ("session", session) if session else ("", ""))


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_every_kind_is_taken(kind):
    assert Event(**{**GOOD, "kind": kind}).kind == kind


@pytest.mark.parametrize("time", [0, 0.5, 99_999_999_999.0])
def test_every_time_since_1970_is_taken(time):
    assert Event(**{**GOOD, "time": time}).time == time


@pytest.mark.parametrize("value", [None, 0.0, -5.0, 19.99])
def test_what_a_purchase_brought_may_be_anything_countable(value):
    assert Event(**GOOD, value=value).value == value


@pytest.mark.parametrize("name", TEXTS)
def test_long_and_foreign_ids_are_taken(name):
    for text in ("x" * MAX_ID, "Größe 鞋 👟", "a b/c?d#e%20", " ", "\x7f"):
        assert getattr(Event(**{**GOOD, name: text}), name) == text


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["x" * (MAX_ID + 1), "a\nb", "\x00", "\x1f", "\ud83d", "a\udfff"])
def test_ids_that_are_too_long_or_no_text_are_refused_by_name(name, text):
    with pytest.raises(BadEvent, match=f"^{name} has"):
        Event(**{**GOOD, name: text})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"id": ""}, "needs an id and an item"),
        ({"item": ""}, "needs an id and an item"),
        ({"user": ""}, "needs a user or a session"),
        ({"kind": "stare"}, "kind is 'stare'; it is one of view, click, cart, purchase, dislike"),
        ({"time": -1.0}, "time must be in seconds"),
        ({"time": float("nan")}, "time must be in seconds"),
        ({"time": float("inf")}, "time must be in seconds"),
        ({"time": 1_700_000_000_000.0}, "time must be in seconds"),  # milliseconds
        ({"value": float("nan")}, "value must be a number"),
        ({"value": float("-inf")}, "value must be a number"),
    ],
)
def test_an_event_that_breaks_a_rule_is_refused_with_the_rule(wrong, message):
    with pytest.raises(BadEvent, match=message):
        Event(**{**GOOD, **wrong})
