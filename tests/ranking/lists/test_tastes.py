"""Interests are cached until something changes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.planted import SPACE
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists import tastes
from vlclip.ranking.lists.arm import Profile
from vlclip.ranking.lists.tastes import Tastes
from vlclip.ranking.lists.vectors import FRESH_S, Vectors

PROFILE = Profile()
ANNA = "user:anna"


class Counting:
    """A store that counts how often vectors are read."""

    def __init__(self, store):
        self.store, self.info, self.asked = store, store.info, 0

    def retrieve(self, ids, **how):
        self.asked += 1
        return self.store.retrieve(ids, **how)


@pytest.fixture
def shop(store):
    class Shop:
        now = 1_700_000_000.0
        counting = Counting(store)
        history = SqliteHistory(None)

        def did(self, item, user="anna"):
            self.history.add([Event(id=f"{user}{item}", kind="view", item=item, time=self.now, user=user)])

    fake_shop = Shop()
    # nothing is cached, so interests that are computed again read the store again
    fake_shop.vectors = Vectors(fake_shop.counting, lambda: fake_shop.now, 0)
    fake_shop.tastes = Tastes(SPACE, fake_shop.vectors, fake_shop.history, lambda: fake_shop.now)
    yield fake_shop
    fake_shop.history.close()


def test_nobody_and_somebody_without_events_have_none(shop):
    assert shop.tastes.get("", PROFILE) == ([], [])
    assert shop.tastes.get(ANNA, PROFILE) == ([], [])
    assert Tastes(SPACE, shop.vectors, None, lambda: 0.0).get(ANNA, PROFILE) == ([], [])
    assert shop.counting.asked == 0


def test_interests_are_made_once_and_again_after_every_event(shop, vectors):
    shop.did("i3")
    (first,), events = shop.tastes.get(ANNA, PROFILE)
    np.testing.assert_array_equal(first.vector, vectors[3])
    assert [event.item for event in events] == ["i3"]
    assert shop.tastes.get(ANNA, PROFILE)[0][0] is first
    assert shop.counting.asked == 1
    shop.did("i4")
    assert {item for interest in shop.tastes.get(ANNA, PROFILE)[0] for item in interest.items} == {"i3", "i4"}
    assert shop.counting.asked == 2
    shop.history.forget(ANNA)
    assert shop.tastes.get(ANNA, PROFILE) == ([], [])


def test_another_profile_or_another_shopper_has_others(shop):
    shop.did("i3")
    shop.did("i9", "bob")
    shop.tastes.get(ANNA, PROFILE)
    shop.tastes.get(ANNA, Profile(half_life=1))
    assert shop.tastes.get("user:bob", PROFILE)[0][0].items == ("i9",)
    assert shop.counting.asked == 3


def test_after_a_minute_items_are_looked_at_again(shop):
    shop.did("i3")
    for passed, reads in ((0, 1), (FRESH_S - 1, 1), (2, 2)):
        shop.now += passed
        shop.tastes.get(ANNA, PROFILE)
        assert shop.counting.asked == reads


def test_few_shoppers_are_kept(shop, monkeypatch):
    monkeypatch.setattr(tastes, "SHOPPERS", 3)
    for user in "abcdef":
        shop.did("i3", user)
        shop.tastes.get(f"user:{user}", PROFILE)
    assert [key[0] for key in shop.tastes._known] == ["user:d", "user:e", "user:f"]
