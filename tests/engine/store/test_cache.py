"""The laws of `engine/store/cache`: what is remembered changes no answer, whatever was written in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.shop import INFO, SPACE, direction, shop, write
from vlclip.engine.filters import Condition, Filter
from vlclip.engine.opening.stores import open_on
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.cache.fields import JsonFields, json_parts
from vlclip.engine.store.cache.items import CachedItem, CachedItems
from vlclip.engine.store.cache.rankings import Changes, Ranking, Rankings, fields_of, question_of
from vlclip.engine.store.cache.remembered import NotRemembered, Remembered
from vlclip.engine.store.cache.store import CachedStore
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Point, Query, Record, Revision

COUNT = 30
IDS = st.integers(0, COUNT - 1).map(lambda row: f"sku {row}")
DIRECTIONS = st.integers(0, 3).map(direction)
FILTERS = st.sampled_from(
    [
        Filter(),
        Filter((Condition("brand", "any", ("Nike",)),)),
        Filter((Condition("price", "lt", (2.5,)),)),
        Filter((Condition("available", "any", (True,)),)),
    ]
)
QUERIES = st.builds(
    Query,
    vector=DIRECTIONS,
    limit=st.integers(1, 8),
    offset=st.integers(0, 3),
    filter=FILTERS,
    exclude=st.lists(IDS, max_size=3).map(tuple),
    exact=st.booleans(),
    fields=st.sampled_from([None, ("brand",), ("price", "id"), ()]),
    with_vector=st.booleans(),
) | st.builds(Query, text=st.sampled_from(["red shoe", "blue", "nike bag", "?"]), limit=st.integers(1, 8))
CHANGES = st.one_of(
    st.tuples(st.just("put"), st.integers(0, COUNT - 1), st.integers(0, 99)),
    st.tuples(st.just("price"), IDS, st.sampled_from([0.5, 1.5, 9.5])),
    st.tuples(st.just("words"), IDS, st.sampled_from(["red", "blue shoe", ""])),
    st.tuples(st.just("brand"), IDS, st.sampled_from(["Nike", "Puma", None])),
    st.tuples(st.just("delete"), IDS, st.just(0)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module", params=[128.0, 0.005])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CachedStore]:
    """One with room for all, and one with room for hardly anything."""
    place = FolderShelf(tmp_path_factory.mktemp("cached") / "store", Hnsw())
    opened = open_on(place, "here", INFO, cache_mb=request.param)
    assert isinstance(opened, CachedStore)
    opened.upsert(shop(COUNT))
    yield opened
    opened.close()


def comparable(hits: Any) -> list[Any]:
    """Hits as they can be compared: those that tie with the last one may be others."""
    rows = [(round(hit.score, 5), hit.id, dict(hit.payload), _numbers(hit.vector)) for hit in hits]
    least = rows[-1][0] if rows else 0.0
    return [sorted(row for row in rows if row[0] > least), [row[0] for row in rows]]


def _numbers(vector: Any) -> Any:
    return None if vector is None else vector.tolist()


@settings(max_examples=60)
@given(rounds=st.lists(st.tuples(CHANGES | st.none(), st.lists(QUERIES, min_size=1, max_size=3)), max_size=8))
def test_answers_are_those_of_a_store_without_a_memory(store, rounds):
    for change, queries in rounds:
        if change is not None:
            write(store, change, COUNT)
        plain = [comparable(hits) for hits in QdrantStore.search(store, queries)]
        for _ in range(2):  # the second time most is remembered
            with suppress(NotRemembered):
                assert [comparable(hits) for hits in Remembered(store).search(queries)] == plain
            assert [comparable(hits) for hits in store.search(queries)] == plain


@settings(max_examples=40)
@given(rounds=st.lists(st.tuples(CHANGES | st.none(), DIRECTIONS, FILTERS), max_size=6))
def test_candidates_are_those_of_a_store_without_a_memory(store, rounds):
    for change, vector, where in rounds:
        if change is not None:
            write(store, change, COUNT)
        query = Query(vector=vector, filter=where, with_vector=True)
        for blend in (None, Blend(5, 0.5)):
            plain = {
                each.id: each
                for each in QdrantStore.candidates(store, query, "red shoe", COUNT, blend)
            }  # fmt: skip
            for _ in range(2):
                for each in store.candidates(query, "red shoe", COUNT, blend):
                    assert each.dense == pytest.approx(plain[each.id].dense, abs=1e-5)
                    assert each.lexical == pytest.approx(plain[each.id].lexical, abs=1e-5)
                    assert dict(each.payload) == dict(plain[each.id].payload)
                    assert each.read().tolist() == plain[each.id].read().tolist()


@settings(max_examples=30)
@given(changes=st.lists(CHANGES, max_size=5), ids=st.lists(IDS | st.just("nobody"), max_size=6))
def test_items_are_those_of_a_store_without_a_memory(store, changes, ids):
    for change in changes:
        store.retrieve(ids)
        write(store, change, COUNT)
        for fields in (None, (), ("brand", "price")):
            plain = QdrantStore.retrieve(store, ids, fields=fields, with_vector=True)
            records = store.retrieve(ids, fields=fields, with_vector=True)
            with suppress(NotRemembered):
                remembered = Remembered(store).retrieve(ids, fields=fields, with_vector=True)
                assert sorted(map(repr, map(_record, remembered.values()))) == sorted(
                    map(repr, map(_record, plain.values()))
                )
            assert list(map(_record, records.values())) == list(map(_record, plain.values())) or {
                name: _record(record) for name, record in records.items()
            } == {name: _record(record) for name, record in plain.items()}


def _record(record: Record) -> Any:
    return record.id, dict(record.payload), _numbers(record.vector), record.lacks


@pytest.fixture
def small(tmp_path: Path) -> Iterator[CachedStore]:
    opened = open_on(FolderShelf(tmp_path / "store", Hnsw()), "here", INFO)
    assert isinstance(opened, CachedStore)
    opened.upsert(shop(COUNT))
    yield opened
    opened.close()


def test_a_question_asked_again_does_not_reach_the_engine(small, monkeypatch):
    queries = [
        Query(vector=direction(1), limit=5, exclude=("sku 3",), with_vector=True),
        Query(text="red", limit=4, with_vector=True),
        Query(text="red", limit=4, fields=("id",)),
    ]
    with pytest.raises(NotRemembered):
        Remembered(small).search(queries)
    first = small.search(queries)
    monkeypatch.setattr(small, "_backend", None)
    assert [comparable(hits) for hits in Remembered(small).search(queries)] == [
        comparable(hits) for hits in first
    ]
    assert [comparable(hits) for hits in small.search(queries)] == [comparable(hits) for hits in first]


@pytest.mark.parametrize(
    ("change", "filter", "is_remembered"),
    [
        ({"price": 7.0}, Filter(), True),
        ({"price": 7.0}, Filter((Condition("brand", "any", ("Nike",)),)), True),
        ({"price": 7.0}, Filter((Condition("price", "lt", (9.0,)),)), False),
    ],
)
def test_a_patch_leaves_rankings_that_do_not_filter_by_its_fields(small, change, filter, is_remembered):
    query = Query(vector=direction(1), limit=5, filter=filter, fields=("id",))
    small.search([query])
    small.revise(["sku 1"], lambda _: Revision(change))
    before = small.cache_uses.rankings_missed
    small.search([query])
    assert small.cache_uses.rankings_missed - before == int(not is_remembered)


@pytest.mark.parametrize("step", ["scores", "fetch"])
def test_what_was_read_on_both_sides_of_a_write_is_not_put_together(small, monkeypatch, step):
    query = Query(vector=direction(2), limit=COUNT, with_vector=True, exact=True)
    engine_does = getattr(small._backend, step)
    new = SPACE.item_vectors({"image": np.ones((1, 5)), "text": np.ones((1, 3))}, 1)[0]

    def written_after(*args, **options):
        answer = engine_does(*args, **options)
        monkeypatch.undo()
        small.upsert([Point("sku 1", new, "other", {"id": "sku 1"})])
        return answer

    monkeypatch.setattr(small._backend, step, written_after)
    for _ in range(2):
        for hit in small.search([query])[0]:
            assert hit.score == pytest.approx(float(hit.vector @ query.vector), abs=1e-4)


def test_a_write_that_failed_is_not_trusted(small, monkeypatch):
    query = Query(vector=direction(1), limit=5)
    small.search([query])
    monkeypatch.setattr(small._backend, "write", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        small.upsert(shop(1))
    before = small.cache_uses.rankings_missed
    small.search([query])
    assert small.cache_uses.rankings_missed == before + 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 900)), max_size=60), st.integers(1_000, 20_000))
def test_items_stay_within_their_bytes_and_the_last_used_stay(items, most):
    cache = CachedItems(most)
    for number, size in items:
        item = CachedItem(str(number), number, lambda: np.zeros(8, np.float32), b"x" * size)
        cache.add([item])
        assert cache.size_bytes <= most
        assert cache.get(str(number)) is cache.of_point(number) is (item if item.size_bytes <= most else None)
    for number in range(51):
        cache.drop(str(number))
        assert cache.of_point(number) is None
    assert cache.size_bytes == len(cache) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), max_size=60), st.integers(8, 200))
def test_rankings_stay_within_their_places(rankings, most):
    cache, changes = Rankings(most), Changes()
    for question, length in rankings:
        cache.add(question, Ranking(0, ("a",) * length, ((0.5,),) * length, ()))
        assert cache.places <= most
        assert (cache.get(question, changes) is None) == (8 + length > most)
    changes.note_all()
    assert all(cache.get(question, changes) is None for question in range(21))
    assert cache.places == 0


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=3))
def test_a_ranking_is_spared_by_changes_of_what_it_does_not_depend_on(names, own):
    changes = Changes()
    for place, name in enumerate(names):
        ranking = Ranking(changes.count, (), (), fields_of(own))
        changes.note([name], words=False)
        assert changes.spare(ranking) == (name not in own), place


def test_a_bool_is_not_a_number():
    flag, number = (Filter((Condition("x", "any", (value,)),)) for value in (True, 1.0))
    assert question_of(Query(text="a", filter=flag)) != question_of(Query(text="a", filter=number))


@given(st.text(max_size=3000), st.lists(st.text(max_size=50), max_size=50).map(tuple))
def test_a_question_takes_the_same_memory_whatever_is_in_it(text, exclude):
    condition = Condition("brand", "any", exclude)
    assert len(question_of(Query(text=text, exclude=exclude, filter=Filter((condition,))), exclude)) == 16


@given(st.dictionaries(st.sampled_from(["id", "title", "provenance", "x"]), JSON))
def test_fields_equal_the_payload(payload):
    fields = JsonFields(*json_parts(dict(payload)))
    assert fields == payload
    assert payload == fields
    assert fields.display == {name: value for name, value in payload.items() if name != "provenance"}
