"""Boosts are bounded, a search knows how deep it must go, and rules hide items."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.arm import Boost, Rules
from vlclip.ranking.lists.boosts import boost_terms, hidden, most_boost, settled

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC).timestamp()

weights = st.floats(-10, 10)
boosts = st.builds(
    Boost,
    field=st.sampled_from(["a", "b"]),
    weight=weights,
    shape=st.sampled_from(["rising", "fresh", "flag"]),
    half=st.floats(0, exclude_min=True, allow_infinity=False),
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.just(10**400),
    st.text("0129-:TZ ", max_size=5),
    st.lists(st.integers(), max_size=2),
    st.datetimes().map(datetime.isoformat),
    st.dates().map(str),
)
payloads = st.lists(st.dictionaries(st.sampled_from(["a", "b"]), values), max_size=8)


def term(shape, value, *, weight=1.0, half=1.0):
    boost = Boost(field="x", weight=weight, shape=shape, half=half)
    return boost_terms([boost], [{"x": value}], NOW)["x"][0]


# x / (x + 10): 5 / 15, 10 / 20, 30 / 40
@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (5, 1 / 3), (10, 0.5), (30, 0.75), (1e308, 1), (-3, 0)]
)
def test_a_rising_number_gives_half_the_weight_at_half(value, expected):
    assert term("rising", value, half=10) == pytest.approx(expected)
    assert term("rising", value, half=10, weight=-2) == pytest.approx(-2 * expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-11T12:00:00Z", 1),
        ("2026-03-11T14:00:00+02:00", 1),  # the same moment
        ("2026-03-11T12:00:00", 1),  # no zone means UTC
        ("2026-03-10T12:00:00", 0.5),
        ("2026-03-10 00:00:00+12:00", 0.25),
        ("2026-03-09", 2**-2.5),  # a date means its midnight
        (NOW - 3 * 86_400, 0.125),
        ("2026-03-11T12:00:01", 0),  # in the future
        ("0001-01-01", 0),
    ],
)
def test_a_fresh_item_loses_half_of_it_each_day(value, expected):
    assert term("fresh", value) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("value", "expected"), [(True, 1), (False, 0), (3, 1), (0.5, 1), (0, 0), (-1, 0)])
def test_a_flag_is_on_or_off(value, expected):
    assert term("flag", value) == expected


@pytest.mark.parametrize("shape", ["rising", "fresh", "flag"])
@pytest.mark.parametrize("value", [None, "", "soon", "true", [1.0], float("nan"), float("inf"), 10**400])
def test_what_cannot_be_used_counts_as_missing(shape, value):
    assert term(shape, value, weight=-2) == 0


@given(boosts, payloads)
def test_a_boost_stays_between_0_and_its_weight(boost, items):
    terms = boost_terms([boost], items, NOW)[boost.field]
    assert terms.shape == (len(items),)
    assert all(min(0, boost.weight) <= term <= max(0, boost.weight) for term in terms)
    assert all(term == 0 for term, item in zip(terms, items, strict=True) if boost.field not in item)


@given(st.lists(boosts, max_size=4), payloads)
def test_boosts_of_one_field_add_up_and_none_beats_the_most(some, items):
    terms = boost_terms(some, items, NOW)
    assert list(terms) == list(dict.fromkeys(boost.field for boost in some))
    for field, total in terms.items():
        alone = [boost_terms([boost], items, NOW)[field] for boost in some if boost.field == field]
        assert total == pytest.approx(np.sum(alone, axis=0))
    assert (sum(terms.values(), np.zeros(len(items))) <= most_boost(some) + 1e-12).all()


def test_the_most_is_what_the_positive_boosts_can_give_together():
    # 0.5 + 0.25; the boost of -2 only subtracts
    some = [Boost(field="a", weight=0.5), Boost(field="a", weight=0.25), Boost(field="b", weight=-2)]
    assert most_boost(some) == 0.75
    assert most_boost([]) == 0


grid = st.integers(0, 4).map(lambda n: n / 4)


@given(
    st.lists(st.tuples(grid, grid), min_size=1, max_size=12), st.sampled_from([0, 0.25, 0.6]), st.randoms()
)
def test_settled_items_are_the_top_of_everything_in_its_order(items, most, random):
    """Against brute force, for any depth of the pool and any order of ties."""
    ids = [f"i{n}" for n in range(len(items))]
    plain = {item_id: score for item_id, (score, _) in zip(ids, items, strict=True)}
    boosted = {item_id: score + most * share for item_id, (score, share) in zip(ids, items, strict=True)}

    def ranked(some):
        return sorted(some, key=lambda item_id: (-boosted[item_id], item_id))

    random.shuffle(ids)
    ids.sort(key=lambda item_id: -plain[item_id])
    for depth in range(1, len(ids) + 1):
        pool = ids[:depth]
        floor = None if depth == len(ids) else plain[pool[-1]]
        sure = settled(np.array([boosted[item_id] for item_id in pool]), floor, most)
        top = ranked(item_id for item_id, is_sure in zip(pool, sure, strict=True) if is_sure)
        assert top == ranked(ids)[: len(top)]
        assert floor is not None or len(top) == len(ids)


def test_an_item_is_settled_once_nothing_outside_can_reach_it():
    # items outside score at most 0.5 and get boosts of at most 0.2: they could reach 0.7, but not 0.8
    boosted = np.array([0.9, 0.6, 0.8, 0.7])
    assert settled(boosted, 0.5, 0.2).tolist() == [True, False, True, False]
    assert settled(boosted, None, 0.2).all()


def events(*pairs):
    return [
        Event(id=str(n), kind=kind, item=item, time=float(n), user="u")
        for n, (kind, item) in enumerate(pairs)
    ]


def test_what_was_bought_or_seen_often_enough_is_hidden():
    history = events(
        ("view", "a"), ("click", "a"), ("view", "b"), ("purchase", "c"), ("cart", "d"), ("dislike", "d")
    )  # fmt: skip
    assert hidden(history, Rules()) == set()
    assert hidden(history, Rules(hide_bought=True)) == {"c"}
    assert hidden(history, Rules(hide_seen=1)) == {"a", "b"}
    assert hidden(history, Rules(hide_seen=2, hide_bought=True)) == {"a", "c"}
    assert hidden([], Rules(hide_seen=1, hide_bought=True)) == set()
