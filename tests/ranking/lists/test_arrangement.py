"""The best candidates become the list that is shown."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from tests.ranking.planted import COUNT, INFO, planted_points
from vlclip.engine.filters import Filter
from vlclip.engine.opening.stores import open_store
from vlclip.engine.space import unit
from vlclip.engine.store.store import Point
from vlclip.ranking.lists.arm import arm_of
from vlclip.ranking.lists.arrangement import Arranger
from vlclip.ranking.lists.boosts import boost_terms
from vlclip.ranking.lists.candidates import Nearest
from vlclip.ranking.lists.exploration import propensities
from vlclip.service.settings import Settings

QUERY = unit(np.random.default_rng(11).normal(size=(1, 24)).astype(np.float32))[0]
NOW = 1_700_000_000.0
WINDOW = 40


def arrange(store, end, whole=0, **knobs):
    if "diversity" in knobs:
        knobs["diversity"] = {"window": WINDOW} | knobs["diversity"]
    arm = arm_of(knobs, "test")
    arranger = Arranger(
        arm=arm,
        now=NOW,
        draw=lambda: np.random.default_rng(5),
        read=partial(store.retrieve, with_vector=True),
    )
    candidates = Nearest(
        store=store, directions=[QUERY], filter=Filter(), exclude=(), fields=arranger.fields, whole=whole,
    )  # fmt: skip
    return arranger.arrange(candidates, end)


def ids(arrangement):
    return [item.id for item in arrangement.placed]


def test_without_knobs_the_list_is_the_ranking(store, vectors):
    scores = vectors @ QUERY
    arrangement = arrange(store, 20)
    assert ids(arrangement) == [f"i{n}" for n in np.argsort(-scores)[:20]]
    assert arrangement.explored == ()
    assert all(item.propensity == 1 and not item.terms for item in arrangement.placed)


BOOSTS = [
    {"field": "popularity", "weight": 0.4, "half": 4},
    {"field": "available", "weight": -0.3, "shape": "flag"},
]


@pytest.mark.parametrize("end", [1, 10, 50, COUNT + 5])
def test_boosted_the_list_is_what_boosting_everything_would_give(store, vectors, end):
    payloads = [point.payload for point in planted_points(vectors)]
    arm = arm_of({"rules": {"boosts": BOOSTS}}, "test")
    terms = boost_terms(arm.rules.boosts, payloads, NOW)
    scores = vectors @ QUERY + sum(terms.values())
    order = sorted(range(COUNT), key=lambda n: (-scores[n], f"i{n}"))[:end]
    arrangement = arrange(store, end, rules={"boosts": BOOSTS})
    assert ids(arrangement) == [f"i{n}" for n in order]
    for item, n in zip(arrangement.placed, order, strict=True):
        assert item.terms == {f"boost.{name}": pytest.approx(term[n]) for name, term in terms.items()}
        assert item.score == pytest.approx(scores[n], abs=1e-5)


def test_caps_hold_over_the_whole_list_and_leave_out_no_more_than_they_must(store, vectors):
    arrangement = arrange(store, COUNT, diversity={"at_most": {"colour": 7}})
    colours = Counter(int(item_id[1:]) % 3 for item_id in ids(arrangement))
    assert colours == {0: 7, 1: 7, 2: 7}
    allowed, counts = [], Counter()
    for n in np.argsort(-(vectors @ QUERY)):
        counts[n % 3] += 1
        if counts[n % 3] <= 7:
            allowed.append(f"i{n}")
    assert ids(arrangement) == allowed


def test_diversity_moves_the_window_and_says_what_it_took_away(store, vectors):
    plain, varied = arrange(store, 60), arrange(store, 60, diversity={"amount": 0.7})
    assert set(ids(varied)[:WINDOW]) == set(ids(plain)[:WINDOW])
    assert ids(varied)[WINDOW:] == ids(plain)[WINDOW:]
    assert ids(varied)[:WINDOW] != ids(plain)[:WINDOW]
    assert ids(varied)[0] == ids(plain)[0]
    for item in varied.placed:
        assert item.score - item.terms["diversity"] == pytest.approx(
            vectors[int(item.id[1:])] @ QUERY, abs=1e-5
        )


def test_chance_deals_with_the_best_and_says_how_probable_each_place_was(store):
    plain = arrange(store, 60)
    arrangement = arrange(store, 60, exploration={"temperature": 0.1, "depth": 30})
    assert [item_id for item_id, _ in arrangement.explored] == ids(plain)[:30]
    assert sorted(ids(arrangement)[:30]) == sorted(ids(plain)[:30])
    assert ids(arrangement)[30:] == ids(plain)[30:]
    scores = np.array([score for _, score in arrangement.explored])
    order = np.array([ids(plain).index(item_id) for item_id in ids(arrangement)[:30]])
    expected = propensities(scores, order, 0.1)
    np.testing.assert_allclose([item.propensity for item in arrangement.placed[:30]], expected)
    assert all(item.propensity == 1 for item in arrangement.placed[30:])


ARMS = [
    {},
    {"rules": {"boosts": BOOSTS}},
    {"diversity": {"amount": 0.5}},
    {"diversity": {"amount": 0.3, "at_most": {"colour": 20}}},
    {"exploration": {"temperature": 0.2}},
    {
        "rules": {"boosts": BOOSTS}, "diversity": {"amount": 0.4, "at_most": {"colour": 25}},
        "exploration": {"temperature": 0.2, "depth": 35},
    },
]  # fmt: skip


@pytest.mark.parametrize("knobs", ARMS)
def test_a_longer_list_begins_with_the_shorter_one(store, knobs):
    longest = arrange(store, 70, **knobs)
    for end in (1, 7, 30, 45):
        assert arrange(store, end, **knobs).placed == longest.placed[:end]


@pytest.mark.parametrize("knobs", ARMS)
def test_nothing_is_shown_twice_and_without_caps_nothing_is_lost(store, knobs):
    item_ids = ids(arrange(store, COUNT, **knobs))
    assert len(set(item_ids)) == len(item_ids)
    if "at_most" not in knobs.get("diversity", {}):
        assert len(item_ids) == COUNT


def test_whether_candidates_are_read_whole_changes_nothing(store):
    knobs = {"diversity": {"amount": 0.5}, "rules": {"boosts": BOOSTS}}
    for end in (5, 60):
        assert arrange(store, end, whole=WINDOW + 1, **knobs).placed == arrange(store, end, **knobs).placed


@pytest.mark.parametrize("amount", [0.0, 0.4])
def test_where_the_nearest_are_of_one_kind_the_list_is_filled_with_what_comes_next(store, vectors, amount):
    """The first pool holds far too few items: the list is a walk down the whole ranking."""
    knobs = {"diversity": {"amount": amount, "at_most": {"colour": 4, "popularity": 2}}}
    whole = arrange(store, COUNT, diversity={"amount": amount})
    met, expected = Counter(), []
    for item_id in ids(whole):
        n = int(item_id[1:])
        labels = [("colour", n % 3), ("popularity", n % 17)]
        if met[labels[0]] < 4 and met[labels[1]] < 2:
            met.update(labels)
            expected.append(item_id)
    for end in (3, 11, 12, 40):
        assert ids(arrange(store, end, **knobs)) == expected[:end]


# after the first values the store is searched without those that are full, compared as the store does
MIXED = {
    "several colours": (["red"] * 40 + [["red", "blue"], ["green", "blue"], "blue", "white"], [0, 41, 43]),
    "an element twice": ([["red", "red"]] + ["red"] * 40 + ["blue"], [0, 41]),
    "text among numbers": ([38.0, 39.0] + ["one size"] * 40 + [40.0, 38.0], [0, 1, 2, 42]),
    "whole numbers and others": ([5, 5.0] * 20 + [6.0, 6, 7], [0, 40, 42]),
    "true, text and numbers": ([True] * 20 + ["maybe", 1.0, False, "maybe", 1], [0, 20, 21, 22]),
    "nothing": (["red"] * 40 + [None, "", [], None, "red"], [0, 40, 41, 42, 43]),
}


@pytest.mark.parametrize(("values", "places"), MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("first", [2, None])
def test_a_cap_of_one_shows_the_first_of_each_value_and_nothing_less(tmp_path, values, places, first):
    """The items rank by their numbers; the first batch decides the kind of the field."""
    points = []
    for n, value in enumerate(values):
        tilted = unit((QUERY + n / 10 * np.eye(24, dtype=np.float32)[0])[None])[0]
        points.append(Point(f"m{n:02}", tilted, "", {} if value is None else {"held": value}))
    with closing(open_store(str(tmp_path), Settings.load(), INFO)) as mixed:
        mixed.upsert(points[:first])
        mixed.upsert(points)
        assert ids(arrange(mixed, COUNT)) == [point.id for point in points]
        for end in (2, len(places), COUNT):
            item_ids = ids(arrange(mixed, end, diversity={"at_most": {"held": 1}}))
            assert item_ids == [f"m{n:02}" for n in places][:end]
