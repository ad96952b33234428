"""What a request spends its time on."""

from __future__ import annotations

import contextvars
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.store.store import Query
from vlclip.service.shop.stages import (
    Lap,
    Stages,
    WatchedEncoder,
    WatchedStore,
    current,
    queued,
    stage,
)


@pytest.fixture
def stages():
    watched = Stages()
    token = current.set(watched)
    yield watched
    current.reset(token)


def test_a_stage_inside_another_is_not_counted_twice():
    stages = Stages()
    # ranked from 1 to 11 s, of which encoding took 2 s and two searches 3 s and 1 s: 10 - 6 = 4 are its own
    stages.laps = [
        Lap("queue", 0, 1, None), Lap("encode", 1, 3, "rank"), Lap("search", 4, 7, "rank"),
        Lap("search", 8, 9, "rank"), Lap("rank", 1, 11, None),
    ]  # fmt: skip
    assert stages.seconds() == {"queue": 1, "encode": 2, "search": 4, "rank": 4}


@given(names=st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_the_stages_of_a_request_add_up_to_the_outermost_ones(names):
    stages = Stages()
    token = current.set(stages)

    def mark(tree, depth=0):
        with stage(("rank", "search", "encode", "queue", "serialise")[depth % 5]):
            for branch in tree:
                mark(branch, depth + 1)

    mark(names)
    current.reset(token)
    (outer,) = [lap for lap in stages.laps if lap.inside is None]
    assert sum(stages.seconds().values()) == pytest.approx(outer.ended - outer.began)
    assert stages.open is None


def test_what_breaks_inside_a_stage_ends_it(stages):
    with pytest.raises(ZeroDivisionError), stage("rank"), stage("search"):
        raise ZeroDivisionError
    assert [(lap.stage, lap.inside) for lap in stages.laps] == [("search", "rank"), ("rank", None)]
    assert stages.open is None


def test_waiting_for_a_thread_is_a_stage(stages):
    work = queued(lambda value: value + 1)
    assert not stages.laps
    got = []
    thread = threading.Thread(target=contextvars.copy_context().run, args=(lambda: got.append(work(1)),))
    thread.start()
    thread.join()
    assert got == [2]
    (lap,) = stages.laps
    assert lap.stage == "queue"
    assert lap.began < lap.ended


def test_without_a_request_to_watch_a_mark_is_nothing():
    with stage("rank"):
        pass
    assert queued(len) is len


def test_what_a_watched_store_and_encoder_answer_is_what_they_answer(shop, stages):
    watched, encoder = WatchedStore(shop.store), WatchedEncoder(shop.encoders.load())
    some = shop.store.retrieve(["drawn-00001"], with_vector=True)["drawn-00001"]
    query = Query(vector=some.vector, limit=5)
    plain = shop.encoders.load()

    def ids(lists):
        return [[hit.id for hit in hits] for hits in lists]

    assert ids(watched.search([query])) == ids(shop.store.search([query]))
    assert watched.recent is query
    assert watched.retrieve(["drawn-00001"]) == shop.store.retrieve(["drawn-00001"])
    scores = {candidate.id: candidate.dense for candidate in watched.candidates(query, "shoe", 5)}
    assert scores == {candidate.id: candidate.dense for candidate in shop.store.candidates(query, "shoe", 5)}
    assert watched.count() == shop.store.count()
    directions = plain.embed_query(text="red shoe")
    for name, direction in encoder.embed_query(text="red shoe").items():
        np.testing.assert_array_equal(direction, directions[name])
    assert [lap.stage for lap in stages.laps] == ["search", "search", "search", "encode"]
