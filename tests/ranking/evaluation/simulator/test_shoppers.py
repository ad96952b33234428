"""Shoppers and what they like: worked out by hand on three items, and as laws on the planted store."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.engine.errors import SpaceError
from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import Record
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.simulator.catalogue import read_catalogue
from vlclip.ranking.evaluation.simulator.shoppers import draw_shoppers
from vlclip.ranking.evaluation.simulator.world import World

SPACE = FusedSpace((Segment("image", 2), Segment("text", 2)))
ITEMS = {"a": [1, 0, 1, 0], "b": [0, 1, 1, 0], "c": [0, 1, 0, 1]}
"""Unit segments: a and b share the text, b and c the photo, a and c nothing."""


def store_of(items, payloads=None):
    """A store that can only be read through."""
    records = [
        Record(name, (payloads or {}).get(name, {}), np.array(vector, dtype=np.float32))
        for name, vector in items.items()
    ]
    return SimpleNamespace(info=SimpleNamespace(space=SPACE), scan=lambda **_: iter([records]))


@pytest.fixture(scope="module")
def catalogue(store):
    return read_catalogue(store)


def shoppers_of(catalogue, **world):
    return draw_shoppers(catalogue, World(**{"shoppers": 30} | world))


def test_a_likeness_is_the_mean_cosine_over_the_store_s_deviation():
    shoppers = shoppers_of(
        read_catalogue(store_of(ITEMS)), noise=0, tastes=(1.0,), item_spread=0, level=-1, slope=2
    )
    # noise 0: each taste is an item, and with 30 shoppers every item is someone's
    mine = {tuple(taste): n for n, taste in enumerate((2 * shoppers.tastes).tolist())}
    assert set(mine) == {tuple(map(float, vector)) for vector in ITEMS.values()}
    taste = mine[1.0, 0.0, 1.0, 0.0]  # a: likeness 1 to itself, 1/2 to b, 0 to c
    fit = shoppers.fit(taste, taste, np.arange(3))
    assert fit * shoppers.deviation + shoppers.centre == pytest.approx([1, 0.5, 0], abs=1e-6)
    assert shoppers.attraction(fit, np.arange(3)) == pytest.approx(1 / (1 + np.exp(1 - 2 * fit)))


def test_only_what_is_liked_counts():
    shoppers = shoppers_of(read_catalogue(store_of(ITEMS)), noise=0, tastes=(1.0,), likes={"image": 0})
    a = next(n for n, taste in enumerate(shoppers.tastes.tolist()) if taste[2] > 0)
    fit = shoppers.fit(a, a, np.arange(3))
    assert fit * shoppers.deviation + shoppers.centre == pytest.approx([1, 1, 0], abs=1e-6)


def test_what_fits_another_taste_counts_less_on_this_visit():
    shoppers = shoppers_of(read_catalogue(store_of(ITEMS)), noise=0, tastes=(0.0, 1.0), away=0.25)
    alone = shoppers_of(read_catalogue(store_of(ITEMS)), noise=0, tastes=(0.0, 1.0), away=1e9)
    for shopper in range(30):
        fit, other_fit = (alone.fit(shopper, taste, np.arange(3)) for taste in (2 * shopper, 2 * shopper + 1))
        both = shoppers.fit(shopper, 2 * shopper, np.arange(3))
        assert both == pytest.approx(np.maximum(fit, other_fit - 0.25), abs=1e-6)


def test_a_taste_is_near_its_item_by_the_noise(catalogue):
    shoppers = shoppers_of(catalogue, noise=0.5, near=1)
    nearest = catalogue.vectors[shoppers.near[:, 0]]
    cosines = np.sum(nearest[:, :16] * shoppers.tastes[:, :16], axis=1) * 2  # of both segments a half
    # 0.5 in a direction of its own: on average 1 / sqrt(1 + 0.25) = 0.89 from the item it comes from
    assert np.median(cosines) == pytest.approx(0.89, abs=0.06)
    assert np.linalg.norm(shoppers.tastes[:, 16:], axis=1) == pytest.approx(0.5, abs=1e-5)


def test_likeness_is_0_where_one_asks_and_in_deviations_over_all_items(catalogue):
    shoppers = shoppers_of(catalogue, tastes=(1.0,))
    rows = np.arange(len(catalogue.ids))
    fits = np.array([shoppers.fit(taste, taste, rows) for taste in range(30)])
    assert fits.std() == pytest.approx(1, abs=1e-4)
    near = np.array([shoppers.fit(taste, taste, shoppers.near[taste]) for taste in range(30)])
    assert near.mean() == pytest.approx(0, abs=1e-4)
    assert fits.mean() < -1


@settings(max_examples=30)
@given(st.integers(0, 29), st.integers(0, 1000))
def test_the_nearer_attracts_and_satisfies_more_and_nothing_is_certain(catalogue, shopper, seed):
    shoppers = shoppers_of(catalogue, item_spread=0, seed=seed)
    rows, taste = np.arange(len(catalogue.ids)), int(shoppers.first[shopper])
    fit = shoppers.fit(shopper, taste, rows)
    for chances in (shoppers.attraction(fit, rows), shoppers.satisfaction(fit, rows)):
        assert np.all(np.diff(chances[np.argsort(fit)]) >= 0)
        assert 0 < chances.min() < chances.max() < 1


def test_the_nearest_items_are_those_of_a_scan(catalogue):
    shoppers = shoppers_of(catalogue, near=7)
    for taste, near in zip(shoppers.tastes, shoppers.near, strict=True):
        whole = [row for row in np.argsort(-(catalogue.vectors @ taste)) if row in set(catalogue.whole)]
        assert near.tolist() == whole[:7]
    missing = {catalogue.row_of["i5"], catalogue.row_of["i6"]}  # no photo, no words
    assert missing == set(range(300)) - set(catalogue.whole.tolist())


def test_an_item_s_effect_follows_from_seed_and_id_alone():
    three, two = (read_catalogue(store_of({name: ITEMS[name] for name in names})) for names in ("abc", "ac"))
    assert np.array_equal(shoppers_of(three).effects[:, [0, 2]], shoppers_of(two).effects)
    assert not np.any(shoppers_of(three, seed=8).effects == shoppers_of(three, seed=7).effects)


def test_items_effects_are_normal_with_the_spread(catalogue):
    effects = shoppers_of(catalogue, item_spread=0.5).effects
    assert effects.mean(axis=1) == pytest.approx([0, 0], abs=4 * 0.5 / math.sqrt(300))
    assert effects.std(axis=1) == pytest.approx([0.5, 0.5], abs=4 * 0.5 / math.sqrt(600))


def test_a_catalogue_is_the_same_in_whatever_order_a_store_holds_it():
    payloads = {"a": {"price": 3, "title": "A"}, "b": {"price": "dear"}}
    catalogue = read_catalogue(store_of(ITEMS, payloads))
    reordered = read_catalogue(store_of(dict(reversed(ITEMS.items())), payloads))
    assert catalogue.ids == reordered.ids == ("a", "b", "c")
    assert np.array_equal(catalogue.vectors, reordered.vectors)
    assert catalogue.titles == ("A", "", "")
    assert np.array_equal(catalogue.prices, [3, np.nan, np.nan], equal_nan=True)
    assert catalogue.rows(["c", "a"]).tolist() == [2, 0]


def test_the_same_seed_draws_the_same_shoppers_and_another_one_others(catalogue):
    first, again, other = shoppers_of(catalogue), shoppers_of(catalogue), shoppers_of(catalogue, seed=8)
    assert np.array_equal(first.tastes, again.tastes)
    assert np.array_equal(first.near, again.near)
    assert not np.array_equal(first.first, other.first) or not np.array_equal(first.tastes, other.tastes)


def test_shoppers_have_as_many_tastes_as_was_said_and_share_their_visits_among_them(catalogue):
    shoppers = shoppers_of(catalogue, shoppers=400, tastes=(0.25, 0.75))
    counts = np.diff(shoppers.first)
    assert set(counts.tolist()) == {1, 2}
    assert np.mean(counts == 2) == pytest.approx(0.75, abs=4 * math.sqrt(0.25 * 0.75 / 400))
    assert np.add.reduceat(shoppers.shares, shoppers.first[:-1]) == pytest.approx(np.ones(400))


@pytest.mark.parametrize(
    ("world", "says"),
    [
        ({"cart": 1.5}, "cart"), ({"noise": -1}, "noise"), ({"shoppers": 0}, "shoppers"),
        ({"requests": 0.5}, "requests"),
        ({"tastes": (0.5, 0.2)}, "tastes"), ({"likes": {"image": -1}}, "likes"),
        ({"kinds": {"guess": 1}}, "similar, search, recommendations"), ({"kinds": {"similar": 0}}, "kinds"),
    ],
)  # fmt: skip
def test_a_world_that_cannot_be_says_what_is_wrong(world, says):
    with pytest.raises(EvaluationError, match=says):
        World(**world)


def test_a_store_without_two_different_items_is_refused():
    with pytest.raises(EvaluationError, match="at least two"):
        read_catalogue(store_of({"a": [1, 0, 1, 0]}))
    with pytest.raises(EvaluationError, match="alike"):
        shoppers_of(
            read_catalogue(store_of({"a": [1, 0, 1, 0], "b": [1, 0, 0, 1]})), noise=0, likes={"text": 0}
        )
    with pytest.raises(EvaluationError, match="no segment counts"):
        shoppers_of(read_catalogue(store_of(ITEMS)), likes={"image": 0, "text": 0})
    with pytest.raises(SpaceError, match="'sound'"):
        shoppers_of(read_catalogue(store_of(ITEMS)), likes={"sound": 1})
