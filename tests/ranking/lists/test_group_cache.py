"""What cards say of their groups is what the store holds, whatever was written and whenever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ranking.planted import INFO, SPACE
from vlclip.engine.opening.stores import open_on, open_store
from vlclip.engine.settings import Hnsw, Server
from vlclip.engine.store.server.shelf import ServerShelf, connect
from vlclip.engine.store.store import Point, Revision
from vlclip.ranking.lists import group_cache as module
from vlclip.ranking.lists.group_cache import GroupCache
from vlclip.ranking.lists.variants import read_variants
from vlclip.service.settings import Settings

GROUPS = ("a", "b", "c")
VECTOR = SPACE.item_vectors({"image": np.ones((1, 16)), "text": np.ones((1, 8))}, 1)[0]


def point(item, group, size):
    fields = {"size": size, "title": f"Thing {group}, {size}"} | ({"group": group} if group else {})
    return Point(item, VECTOR, "thing", fields)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = open_store(str(tmp_path_factory.mktemp("store")), Settings.load(), INFO)
    opened.upsert([point("kept", "a", 0)])
    yield opened
    opened.close()


items = st.sampled_from([f"i{n}" for n in range(6)])
groups = st.sampled_from(["", *GROUPS])
sizes = st.integers(0, 3)
upserts = st.tuples(st.just("upsert"), st.lists(st.tuples(items, groups, sizes), min_size=1, max_size=3))
revisions = st.tuples(st.just("revise"), st.tuples(items, groups, sizes))
deletions = st.tuples(st.just("delete"), st.lists(items, min_size=1, max_size=3))
reads = st.tuples(st.just("read"), st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3))


def write(store, kind, what):
    if kind == "upsert":
        store.upsert([point(*fields) for fields in what])
    elif kind == "revise":
        item, group, size = what
        fields = {"size": size} | ({"group": group} if group else {})
        store.revise([item], lambda _: Revision(fields, [] if group else ["group"], None))
    else:
        store.delete(what)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(upserts | revisions | deletions | reads, max_size=14), st.sampled_from([3, 50_000]))
def test_a_card_says_what_the_store_holds_whatever_was_written(store, steps, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_MEMBERS", most)
        cache = GroupCache(store)
        for kind, what in steps:
            if kind == "read":
                assert cache.variants(what) == read_variants(store, what)
            else:
                write(store, kind, what)
            assert len(cache._group_of) <= most
        assert cache.variants(GROUPS) == read_variants(store, GROUPS)
        assert cache.variants(GROUPS) == read_variants(store, GROUPS)


class Interrupted:
    """A store that writes once what it is told to, after it has read and before it answers."""

    def __init__(self, store, step):
        self._store, self._step, self.scans = store, step, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def scan(self, **options):
        self.scans += 1
        pages = list(self._store.scan(**options))
        if self._step is not None:
            step, self._step = self._step, None
            write(self._store, *step)
        return iter(pages)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(upserts | revisions | deletions)
def test_what_is_written_while_a_card_is_read_is_not_kept_from_the_next(store, step):
    store.upsert([point(f"i{n}", GROUPS[n % 3], n % 2) for n in range(6)])
    cache = GroupCache(Interrupted(store, step))
    cache.variants(GROUPS)
    assert cache.variants(GROUPS) == read_variants(store, GROUPS)


def test_groups_are_read_once_and_after_a_write_only_those_that_it_touched(store):
    store.upsert([point(f"i{n}", GROUPS[n % 3], n % 2) for n in range(6)])
    watched = Interrupted(store, None)
    cache = GroupCache(watched)
    for _ in range(3):
        cache.variants(GROUPS)
    assert watched.scans == 1
    store.upsert([point("i0", "b", 1)])
    assert cache.variants(["c"])["c"].count == 2
    assert watched.scans == 1
    assert (cache.variants(["b"])["b"].count, cache.variants(["a"])["a"].members) == (3, ("i3", "kept"))
    assert watched.scans == 3


def test_a_store_that_others_write_is_asked_each_time():
    shelf = ServerShelf(connect(":memory:", Server()), Server(), Hnsw())
    opened = open_on(shelf, "here", INFO)
    opened.upsert([point("x", "a", 1), point("y", "a", 2)])
    watched = Interrupted(opened, None)
    cache = GroupCache(watched)
    assert cache.variants(["a"])["a"].count == cache.variants(["a"])["a"].count == 2
    assert watched.scans == 2
    opened.close()
