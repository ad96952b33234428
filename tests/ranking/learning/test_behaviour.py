"""Items that are near each other in histories get near vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.engine.encoding.lookup import load_lookup, save_lookup
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.history.events import Event
from vlclip.ranking.learning.behaviour import fit_behaviour

COMMUNITIES, MEMBERS, SHOPPERS = 6, 10, 30


def did(unit, *items, kind="view", since=0.0):
    """A unit's events, oldest first."""
    return [
        Event(id=f"{unit}-{n}", kind=kind, item=item, time=since + n, user=str(unit))
        for n, item in enumerate(items)
    ]


def planted(seed=0, stray=0.05):
    """Shoppers who stay in one of six communities of ten items, except for an event now and then."""
    rng = np.random.default_rng(seed)
    histories = []
    for unit in range(COMMUNITIES * SHOPPERS):
        own = unit % COMMUNITIES
        towns = np.where(rng.random(8) < stray, rng.integers(0, COMMUNITIES, 8), own)
        histories.append(did(unit, *(f"{town}.{rng.integers(MEMBERS)}" for town in towns)))
    return histories


def test_planted_communities_are_recovered():
    lookup = fit_behaviour(planted(), size=16)
    town = np.array([item.split(".")[0] for item in lookup.ids])
    alike = lookup.vectors @ lookup.vectors.T
    np.fill_diagonal(alike, -1)
    assert len(lookup.ids) == COMMUNITIES * MEMBERS
    assert (town[alike.argmax(axis=1)] == town).mean() == 1
    same = town[:, None] == town
    np.fill_diagonal(alike, np.nan)
    assert np.nanmean(alike[same]) > 0.5
    assert abs(np.nanmean(alike[~same])) < 0.1


def test_items_that_share_no_history_and_no_neighbour_have_nothing_in_common():
    lookup = fit_behaviour(planted(stray=0), size=24)
    town = np.array([item.split(".")[0] for item in lookup.ids])
    apart = (lookup.vectors @ lookup.vectors.T)[town[:, None] != town]
    assert np.abs(apart).max() < 0.01


def test_a_pair_counts_its_nearness_and_is_weighed_against_chance():
    # one history a b c, window 2: ab 1, bc 1, ac 1/2. Totals: a 1.5, b 2, c 1.5; smoothing 1, so contexts
    # equal the totals, 5 in all. PMI: ab log(1·5/(1.5·2)) = log 5/3, bc the same, ac log(0.5·5/2.25) =
    # log 10/9. The matrix [[0,x,y],[x,0,x],[y,x,0]] has (1,0,-1) for an eigenvector, of value -y.
    (x, y) = (math.log(5 / 3), math.log(10 / 9))
    lookup = fit_behaviour([did(0, "a", "b", "c")], size=2, window=2, smoothing=1.0)
    assert lookup.ids == ("a", "b", "c")
    matrix = np.array([[0, x, y], [x, 0, x], [y, x, 0]])
    left, values, _ = np.linalg.svd(matrix)
    rows = left[:, :2] * np.sqrt(values[:2])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert lookup.vectors @ lookup.vectors.T == pytest.approx(rows @ rows.T, abs=1e-5)
    assert lookup.notes["pairs"] == 3


def test_dislikes_and_lone_items_teach_nothing_and_the_same_item_again_is_one_step():
    plain = planted()
    more = [
        *plain,
        did("alone", "lonely"),
        did("again", "lonely", "lonely"),
        did("angry", "0.0", "5.0", "0.1", "5.1", kind="dislike"),
    ]
    repeated = [
        [Event(id=f"{event.id}-{n}", kind=event.kind, item=event.item, time=event.time, user=event.user)
         for event in history for n in range(2)]
        for history in plain
    ]  # fmt: skip
    expected = fit_behaviour(plain, size=16)
    assert fit_behaviour(more, size=16).fingerprint == expected.fingerprint
    assert fit_behaviour(repeated, size=16).fingerprint == expected.fingerprint


@settings(max_examples=10)
@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_order_of_units_changes_nothing(random, seed):
    histories = planted(seed)
    shuffled = random.sample(histories, len(histories))
    lookup, other = fit_behaviour(histories, size=12), fit_behaviour(shuffled, size=12)
    assert lookup.ids == other.ids
    assert np.array_equal(lookup.vectors, other.vectors)
    assert lookup.notes == other.notes


def test_rows_are_of_unit_length_and_what_is_saved_is_loaded_equal(tmp_path):
    lookup = fit_behaviour(planted(), size=16)
    assert np.linalg.norm(lookup.vectors, axis=1) == pytest.approx(1, abs=1e-6)
    save_lookup(lookup, tmp_path)
    loaded = load_lookup(tmp_path)
    assert loaded.ids == lookup.ids
    assert loaded.fingerprint == lookup.fingerprint
    assert np.array_equal(loaded.vectors, lookup.vectors)
    assert loaded.notes["since"] == 0.0
    assert loaded.notes["until"] == 7.0
    assert loaded.notes["units"] == COMMUNITIES * SHOPPERS


def test_an_item_outside_of_the_directions_that_were_kept_is_absent():
    # two items occur in one history only, apart from all others, and there is only one direction
    crowd = [did(n, *"abcd") for n in range(5)] + [did("few", "x", "y")]
    lookup = fit_behaviour([*crowd, *[did(f"more{n}", *"efgh") for n in range(2)]], size=1)
    assert 0 < len(lookup.ids) < 10
    assert np.isfinite(lookup.vectors).all()


def test_too_little_is_refused_with_what_is_missing():
    with pytest.raises(EvaluationError, match=r"at least 129 items .* 1 histories have 2"):
        fit_behaviour([did(0, "a", "b"), did(1, "c")])
    with pytest.raises(EvaluationError, match="lower the size"):
        fit_behaviour([])


def test_histories_in_which_nothing_goes_together_more_than_by_chance_are_refused():
    # everyone does everything, so at this shift no pair is left
    with pytest.raises(EvaluationError, match="shift"):
        fit_behaviour([did(n, *"abcd") for n in range(3)], size=2, shift=100.0)
