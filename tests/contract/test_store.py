"""The laws of `engine/store/store.py`, for every engine; and that the engines agree.

`server` runs on qdrant-client's stand-in, and on a real server where QDRANT_URL names one.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.shop import INFO, KINDS, OTHER, SHOP, SPACE, best, contents, direction, fits, shop
from vlclip.engine.errors import (
    FilterError,
    FingerprintMismatch,
    InvalidVector,
    SpaceError,
    StoreError,
    StoreNotFound,
)
from vlclip.engine.filters import Condition, Filter, parse_json
from vlclip.engine.opening.stores import open_on, promote_on
from vlclip.engine.settings import Hnsw, Server
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.lexical import BY_FIELD
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.server.shelf import ServerShelf, connect
from vlclip.engine.store.shelf import Shelf
from vlclip.engine.store.store import Point, Query, Revision, Tidied

ENGINES = ["edge", "memory"]
if "QDRANT_URL" in os.environ:
    ENGINES.append(pytest.param("server", marks=pytest.mark.server))
NEVER = "no such item"


def make_shelf(engine: str, folder: Path) -> Shelf:
    if engine == "edge":
        return FolderShelf(folder / "store", Hnsw())
    server = Server(collection=f"test-{uuid.uuid4().hex[:8]}")
    url = os.environ["QDRANT_URL"] if engine == "server" else ":memory:"
    return ServerShelf(connect(url, server), server, Hnsw())


def clear(shelf: Shelf) -> None:
    """Drop its collections over a connection of its own: a store that was closed has closed the shelf's."""
    assert isinstance(shelf, ServerShelf)
    server = shelf._server
    with closing(ServerShelf(connect(os.environ["QDRANT_URL"], server), server, Hnsw())) as place:
        for name in place.names():
            place.drop(name)
    shelf.close()


@pytest.fixture(params=ENGINES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    place = make_shelf(request.param, tmp_path)
    yield place
    if request.param == "server":
        clear(place)


@pytest.fixture
def store(shelf: Shelf) -> Iterator[QdrantStore]:
    opened = open_on(shelf, "here", INFO)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantStore]:
    """A store of 80 items that no test changes."""
    place = make_shelf(request.param, tmp_path_factory.mktemp("filled"))
    opened = open_on(place, "here", INFO)
    opened.upsert(SHOP)
    opened.optimize()
    yield opened
    opened.close()
    if request.param == "server":
        clear(place)


BY_ID = {point.id: point for point in SHOP}
ANY_CONDITION = st.one_of(
    st.builds(
        Condition,
        st.just("brand"),
        st.sampled_from(["any", "not"]),
        st.lists(st.sampled_from(["Nike", "Puma", "Größe 1", "nobody"]), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Condition,
        st.just("tags"),
        st.sampled_from(["any", "not"]),
        st.lists(st.sampled_from(["new", "sale", "eco"]), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Condition,
        st.just("price"),
        st.sampled_from(["any", "not"]),
        st.lists(st.sampled_from([0.5, 1.0, 2.5, 3.5, 99.0]), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Condition,
        st.just("price"),
        st.sampled_from(["gt", "gte", "lt", "lte"]),
        st.sampled_from([0.5, 1.0, 2.5, 3.5]).map(lambda number: (number,)),
    ),
    st.builds(
        Condition,
        st.just("available"),
        st.sampled_from(["any", "not"]),
        st.lists(st.booleans(), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Condition,
        st.sampled_from(sorted(KINDS)),
        st.just("missing"),
        st.booleans().map(lambda flag: (flag,)),
    ),
)
ANY_FILTER = st.lists(ANY_CONDITION, max_size=3).map(lambda conditions: Filter(tuple(conditions)))
FEW = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# writing


def test_upserting_twice_equals_upserting_once(store: QdrantStore):
    store.upsert(SHOP[:20])
    once = contents(store)
    store.upsert(SHOP[:20])
    assert contents(store) == once
    assert store.count() == 20


def test_what_goes_in_comes_out(filled: QdrantStore):
    assert {item_id: payload for item_id, (payload, _) in contents(filled).items()} == {
        point.id: point.payload for point in SHOP
    }
    for record in filled.retrieve(list(BY_ID), with_vector=True).values():
        np.testing.assert_allclose(record.vector, BY_ID[record.id].vector, atol=1e-6)


def test_a_later_upsert_replaces_vector_payload_and_words(store: QdrantStore):
    store.upsert([Point("a", direction(1), "red shoe", {"brand": "Nike", "price": 1.0})])
    store.upsert([Point("a", direction(2), "blue bag", {"brand": "Puma"})])
    (record,) = store.retrieve(["a"], with_vector=True).values()
    assert record.payload == {"id": "a", "brand": "Puma"}
    np.testing.assert_allclose(record.vector, direction(2), atol=1e-6)
    red, blue = store.search([Query(text="red"), Query(text="blue")])
    assert (len(red), len(blue)) == (0, 1)


def test_of_one_id_twice_in_a_batch_the_last_counts(store: QdrantStore):
    store.upsert([Point("a", direction(1), "", {"n": 1}), Point("a", direction(2), "", {"n": 2})])
    assert store.retrieve(["a"])["a"].payload["n"] == 2
    assert store.count() == 1


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.full(SPACE.size, np.nan, np.float32), "NaN"),
        (np.full(SPACE.size, np.inf, np.float32), "infinity"),
        (np.zeros(SPACE.size + 1, np.float32), r"\(9,\)"),
    ],
)
def test_nothing_of_a_batch_with_a_bad_vector_is_written(
    store: QdrantStore, vector: np.ndarray, message: str
):
    with pytest.raises(InvalidVector, match=message) as raised:
        store.upsert([*SHOP[:3], Point("bad one", vector, "", {"new field": 1})])
    assert "'bad one'" in str(raised.value)
    assert store.count() == 0
    assert "new field" not in store.fields()


def test_delete_says_how_many_were_there(store: QdrantStore):
    store.upsert(SHOP[:5])
    assert store.delete(["sku 1", "sku 3", "sku 3", NEVER]) == 2
    assert store.delete(["sku 1"]) == 0
    assert store.delete([]) == 0
    assert set(contents(store)) == {"sku 0", "sku 2", "sku 4"}


NAMES = st.sampled_from(["price", "brand", "tags", "available", "a.b", "a", 'in "inches"', "sizes[]", "new"])
VALUES = st.one_of(
    st.integers(-50, 50).map(lambda number: number / 4),
    st.integers(-5, 5),
    st.booleans(),
    st.sampled_from(["Nike", "7", "", "Größe 1"]),
    st.lists(st.sampled_from(["new", "sale", "1"]), max_size=2),
)
REVISIONS = st.dictionaries(
    st.sampled_from([point.id for point in SHOP[:12]] + [NEVER]),
    st.builds(
        Revision,
        fields=st.dictionaries(NAMES, VALUES, max_size=3),
        removed=st.lists(NAMES, max_size=2),
        lexical=st.none() | st.sampled_from(["", "green hat", "red red shoe"]),
    ),
    max_size=6,
)


@pytest.fixture
def twins(shelf: Shelf) -> Iterator[tuple[QdrantStore, QdrantStore]]:
    """Two empty collections of one engine."""
    twins = open_on(shelf, "here", INFO), QdrantStore(shelf.open(shelf.make(OTHER)))
    yield twins
    for store in twins:
        store.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rounds=st.lists(REVISIONS, min_size=1, max_size=3))
def test_a_revision_equals_writing_the_item_anew_with_its_vector(
    twins: tuple[QdrantStore, QdrantStore], rounds: list[dict[str, Revision]]
):
    revised, anew = twins
    items = {point.id: point for point in SHOP[:12]}
    for each in twins:
        each.delete([record.id for records in list(each.scan()) for record in records])
        each.upsert(list(items.values()))
    for changes in rounds:
        count = revised.revise(list(changes), lambda record, changes=changes: changes[record.id])
        assert count == len(changes.keys() - {NEVER})
        for item_id in changes.keys() & items.keys():
            old, change = items[item_id], changes[item_id]
            payload = {name: value for name, value in old.payload.items() if name not in change.removed}
            words = old.lexical if change.lexical is None else change.lexical
            items[item_id] = Point(item_id, old.vector, words, {**payload, **change.fields})
        anew.upsert([items[item_id] for item_id in changes if item_id in items])
    assert contents(revised) == contents(anew)
    assert revised.fields() == anew.fields()
    for word in ("green", "red", "shoe", "blue"):
        hits = [each.search([Query(text=word, limit=50)])[0] for each in twins]
        assert {hit.id for hit in hits[0]} == {hit.id for hit in hits[1]}


def test_revisions_at_one_time_all_last(store: QdrantStore):
    store.upsert(SHOP[:2])
    ids = [point.id for point in SHOP[:2]]

    def change(name: str) -> None:
        for number in range(5):
            store.revise(ids, lambda record, number=number: Revision({name: number, f"{name} {number}": 1}))

    threads = [threading.Thread(target=change, args=(name,)) for name in ("left", "right", "middle")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for record in store.retrieve(ids, with_vector=True).values():
        assert {record.payload[name] for name in ("left", "right", "middle")} == {4}
        assert sum(name[-1].isdigit() for name in record.payload) == 15
        np.testing.assert_array_equal(record.vector, BY_ID[record.id].vector)


def test_what_a_revision_says_of_nothing_stays(store: QdrantStore):
    store.upsert(SHOP[:3])
    before = contents(store)
    assert store.revise(["sku 0", NEVER], lambda _: None) == 0
    assert store.revise([], lambda _: Revision({"brand": "none"})) == 0
    assert store.revise(["sku 1"], lambda _: Revision({"id": "other", "_lacks": ["image"]}, ("id",))) == 1
    assert contents(store) == before


def test_nothing_in_nothing_out(store: QdrantStore):
    store.upsert([])
    assert store.count() == 0
    assert store.retrieve([]) == {}
    assert list(store.scan()) == []
    assert store.search([]) == []
    assert store.search([Query(vector=direction(1)), Query(text="red")]) == [[], []]
    assert store.candidates(Query(vector=direction(1)), "red", 5) == []


# reading


def test_scan_meets_every_item_once_whatever_the_batch(filled: QdrantStore):
    for batch in (1, 7, 80, 1000):
        ids = [record.id for records in filled.scan(batch=batch, fields=()) for record in records]
        assert sorted(ids) == sorted(BY_ID)


def test_pages_of_ids_meet_every_item_once(filled: QdrantStore):
    for limit in (1, 7, 80, 1000):
        ids, after = filled.ids(None, limit)
        while after is not None:
            page, after = filled.ids(after, limit)
            assert len(page) <= limit
            ids += page
        assert sorted(ids) == sorted(BY_ID)


def test_unknown_ids_are_absent(filled: QdrantStore):
    assert set(filled.retrieve(["sku 1", NEVER])) == {"sku 1"}


def test_vectors_can_be_read_without_anything_of_the_payload(filled: QdrantStore):
    read = filled.retrieve(["sku 1", NEVER], fields=(), with_vector=True)
    assert read.keys() == {"sku 1"}
    assert (read["sku 1"].id, read["sku 1"].payload) == ("sku 1", {})
    np.testing.assert_array_equal(read["sku 1"].vector, BY_ID["sku 1"].vector)


def test_only_the_fields_asked_for_come_along(filled: QdrantStore):
    some = next(point for point in SHOP if "brand" in point.payload)
    record = filled.retrieve([some.id], fields=("brand", NEVER))[some.id]
    assert record.payload == {"brand": some.payload["brand"]}
    assert record.vector is None
    (hits,) = filled.search([Query(vector=some.vector, fields=("id",), with_vector=True)])
    assert all(hit.payload == {"id": hit.id} and hit.vector is not None for hit in hits)


@FEW
@given(conditions=ANY_FILTER)
def test_filters_keep_exactly_the_items_that_fit(filled: QdrantStore, conditions: Filter):
    expected = {point.id for point in SHOP if fits(point.payload, conditions)}
    assert filled.count(conditions) == len(expected)
    assert {record.id for batch in filled.scan(filter=conditions) for record in batch} == expected
    (hits,) = filled.search([Query(vector=direction(3), filter=conditions, limit=100)])
    assert {hit.id for hit in hits} == expected


@pytest.mark.parametrize("form", [
    {"brand": "Nike"}, {"brand": ["Nike", "Puma"]}, {"tags": "new"}, {"id": "sku 1"}, {"price": 2.5},
    {"price": [1.0, 2.5]}, {"available": True}, {"available": [True, False]},
], ids=str)  # fmt: skip
def test_a_filter_and_its_negation_together_list_nothing(filled: QdrantStore, form: dict[str, Any]):
    (condition,) = parse_json(form).conditions
    both = Filter((condition, Condition(condition.field, "not", condition.values)))
    assert filled.count(Filter((condition,))) > 0
    assert filled.count(both) == 0
    assert [record.id for batch in filled.scan(filter=both) for record in batch] == []
    queries = [Query(vector=direction(3), filter=both, limit=100), Query(text="red", filter=both, limit=100)]
    assert filled.search(queries) == [[], []]


def test_the_only_item_that_fits_is_not_listed_where_it_is_excluded(filled: QdrantStore):
    only = parse_json({"id": "sku 1"})
    (hits,) = filled.search([Query(vector=direction(3), filter=only, exclude=("sku 1",), limit=100)])
    assert hits == []


def test_equality_on_a_list_matches_any_of_its_values(filled: QdrantStore):
    assert filled.count(parse_json({"tags": "new"})) == sum("new" in p.payload.get("tags", []) for p in SHOP)


def test_an_unknown_field_is_refused_by_name(filled: QdrantStore):
    with pytest.raises(FilterError, match=r"no field named 'colour'.*brand"):
        filled.search([Query(text="red", filter=parse_json({"colour": "red"}))])
    with pytest.raises(FilterError, match="'price' is a number field"):
        filled.count(parse_json({"price": "cheap"}))


def test_facets_count_values_commonest_first(filled: QdrantStore):
    brands = [point.payload["brand"] for point in SHOP if "brand" in point.payload]
    facet = filled.facet("brand")
    assert facet == {brand: brands.count(brand) for brand in set(brands)}
    assert list(facet.values()) == sorted(facet.values(), reverse=True)
    only = parse_json({"price": {"gte": 2}})
    assert sum(filled.facet("brand", filter=only).values()) == filled.count(
        parse_json({"price": {"gte": 2}, "brand": {"missing": False}})
    )
    assert len(filled.facet("id", limit=3)) == 3
    with pytest.raises(FilterError, match=r"'price' is no keyword field.*brand"):
        filled.facet("price")


# searching


@pytest.mark.parametrize("seed", range(4))
def test_exact_search_ranks_by_the_dot_product(filled: QdrantStore, seed: int):
    query = direction(seed)
    (hits,) = filled.search([Query(vector=query, limit=15, exact=True)])
    assert [hit.id for hit in hits] == list(best(SHOP, query, 15))
    np.testing.assert_allclose([hit.score for hit in hits], list(best(SHOP, query, 15).values()), atol=1e-5)


def test_items_without_a_photo_or_a_text_compete_on_what_they_have(filled: QdrantStore):
    for point in SHOP:
        query = Query(vector=point.vector, limit=1)
        if point.vector.any():
            assert filled.search([query])[0][0].id == point.id


def test_a_point_of_zeros_without_words_is_stored_and_scores_0(store: QdrantStore):
    store.upsert([Point("empty", np.zeros(SPACE.size, np.float32), "", {}), SHOP[1]])
    ((first, second),) = store.search([Query(vector=SHOP[1].vector)])
    assert (first.id, second.id, second.score) == (SHOP[1].id, "empty", 0)
    assert store.retrieve(["empty"])["empty"].payload == {"id": "empty"}


def test_a_batch_of_queries_equals_each_alone(filled: QdrantStore):
    queries = [
        Query(vector=direction(1)),
        Query(text="red shoe", limit=4),
        Query(text="?!"),
        Query(vector=direction(2), offset=3, limit=5, filter=parse_json({"brand": "Nike"})),
    ]
    together = filled.search(queries)
    alone = [filled.search([query])[0] for query in queries]
    assert [[hit.id for hit in hits] for hits in together] == [[hit.id for hit in hits] for hits in alone]
    assert together[2] == []


def test_offset_goes_on_where_limit_stopped(filled: QdrantStore):
    first, second, both = filled.search(
        [
            Query(vector=direction(5), limit=10),
            Query(vector=direction(5), limit=10, offset=10),
            Query(vector=direction(5), limit=20),
        ]
    )
    assert [hit.id for hit in first + second] == [hit.id for hit in both]


def test_excluded_items_take_up_no_places(filled: QdrantStore):
    query = direction(6)
    out = tuple(best(SHOP, query, 10))
    (hits,) = filled.search([Query(vector=query, limit=5, exclude=(*out, NEVER))])
    assert [hit.id for hit in hits] == list(best(SHOP, query, 15))[10:]


def test_words_find_items_by_stem_case_and_accent(store: QdrantStore):
    store.upsert(
        [
            Point("a", direction(1), "Nike RUNNING shoes x200", {}),
            Point("b", direction(2), "Café chair", {}),
        ]
    )
    texts = ("run shoe", "X200", "cafe", "table", "nike \ud83d")
    answers = store.search([Query(text=text) for text in texts])
    assert [[hit.id for hit in hits] for hits in answers] == [["a"], ["a"], ["b"], [], ["a"]]


def test_the_words_of_a_title_count_more_than_those_of_a_description(store: QdrantStore):
    store.upsert(
        [
            Point("said", direction(1), {"title": "Table", "description": "goes with a lamp"}, {}),
            Point("named", direction(2), {"title": "Lamp", "description": "goes with a table"}, {}),
            Point("neither", direction(3), {"title": "Chair"}, {}),
        ]
    )
    lamp, table = store.search([Query(text="lamp"), Query(text="table")])
    assert [hit.id for hit in lamp] == ["named", "said"]
    assert [hit.id for hit in table] == ["said", "named"]


def test_a_collection_keeps_how_its_words_are_weighted(shelf: Shelf):
    opened = open_on(shelf, "here", INFO)
    opened.upsert([Point("a", direction(1), {"title": "lamp"}, {"brand": "Acme"})])
    (first,) = opened.search([Query(text="lamp")])[0]
    titles = BY_FIELD.with_lengths({"title": 0.5})
    opened.set_weighting(titles)
    assert opened.search([Query(text="lamp")])[0][0].score == first.score
    opened.upsert([Point("a", direction(1), {"title": "lamp"}, {"brand": "Acme"})])
    assert opened.search([Query(text="lamp")])[0][0].score < first.score
    assert opened.fields()["brand"] == "keyword"
    if isinstance(shelf, FolderShelf):
        opened.close()
    again = open_on(shelf, "here", INFO)
    assert again.info.words == titles
    again.close()


def test_a_query_is_a_vector_or_a_text():
    with pytest.raises(SpaceError, match="exactly one"):
        Query()
    with pytest.raises(SpaceError, match="exactly one"):
        Query(vector=direction(1), text="red")
    with pytest.raises(SpaceError, match="limit"):
        Query(text="red", limit=0)


def test_a_query_of_the_wrong_size_is_refused(filled: QdrantStore):
    with pytest.raises(InvalidVector, match=r"query has shape \(3,\)"):
        filled.search([Query(vector=np.zeros(3, np.float32))])


@FEW
@given(
    conditions=ANY_FILTER, seed=st.integers(0, 50), text=st.sampled_from(["red", "blue nike x200", "", "?"])
)
def test_candidates_have_the_scores_that_each_has_alone(
    filled: QdrantStore, conditions: Filter, seed: int, text: str
):
    query = Query(vector=direction(seed), filter=conditions, exclude=("sku 7",), exact=True)
    candidates = {item.id: item for item in filled.candidates(query, text, pool=6)}
    fitting = [p for p in SHOP if p.id != "sku 7" and fits(p.payload, conditions)]
    (words,) = filled.search([Query(text=text, limit=100)])
    alone = {hit.id: hit.score for hit in words}
    assert set(candidates) <= {point.id for point in fitting}
    assert set(best(fitting, direction(seed), 6)) <= set(candidates)
    for item in candidates.values():
        assert item.dense == pytest.approx(float(BY_ID[item.id].vector @ direction(seed)), abs=1e-5)
        assert item.lexical == pytest.approx(alone.get(item.id, 0.0), abs=1e-5)
        assert item.payload == BY_ID[item.id].payload
    matching = sorted((alone[p.id] for p in fitting if p.id in alone), reverse=True)[:6]
    chosen = sorted((item.lexical for item in candidates.values()), reverse=True)[: len(matching)]
    assert chosen == pytest.approx(matching, abs=1e-5)


@FEW
@given(
    conditions=ANY_FILTER,
    seed=st.integers(0, 1000),
    text=st.sampled_from(["red bag", "leather", "nothing fits this"]),
    blend=st.builds(Blend, st.integers(1, 30), st.sampled_from([0.0, 0.3, 1.0, 12.0])),
)
def test_blended_candidates_are_the_best_of_all_items_however_little_the_first_search_brings(
    filled: QdrantStore, conditions: Filter, seed: int, text: str, blend: Blend
):
    query = Query(vector=direction(seed), filter=conditions, exact=True)
    all_of_them = filled.candidates(query, text, pool=len(SHOP) + 1)
    few = {candidate.id: candidate for candidate in filled.candidates(query, text, pool=8, blend=blend)}
    best = max((candidate.lexical for candidate in all_of_them), default=0.0) or 1.0
    scores = sorted(
        (candidate.dense + blend.weight * candidate.lexical / best for candidate in all_of_them), reverse=True
    )
    for candidate in all_of_them:
        rank = sum(
            score > candidate.dense + blend.weight * candidate.lexical / best + 1e-5 for score in scores
        )
        assert candidate.id in few or rank >= blend.count
        if candidate.id in few:
            assert few[candidate.id].dense == pytest.approx(candidate.dense, abs=1e-5)
            assert few[candidate.id].lexical == pytest.approx(candidate.lexical, abs=1e-5)
            assert few[candidate.id].payload == candidate.payload
    assert max((candidate.lexical for candidate in few.values()), default=0.0) == pytest.approx(
        max((candidate.lexical for candidate in all_of_them), default=0.0), abs=1e-5
    )


# fields


def test_the_first_batch_settles_the_kind_of_a_field(store: QdrantStore):
    store.upsert(
        [
            Point("a", direction(1), "", {"size": 42, "new": True, "sole": "rubber", "mixed": 1}),
            Point("b", direction(2), "", {"size": 43.5, "mixed": "one", "image": "a.jpg", "none": None}),
        ]
    )
    kinds = {"id": "keyword", "size": "number", "new": "bool", "sole": "keyword", "mixed": "keyword"}
    assert store.fields() == kinds
    store.upsert(
        [
            Point("c", direction(3), "", {"size": "44", "new": "true", "sole": 7, "mixed": 2}),
            Point("d", direction(4), "", {"size": "large", "new": "perhaps", "sole": [True, 1.5]}),
        ]
    )
    assert store.fields() == kinds
    assert store.count(parse_json({"size": {"gte": 43}})) == 2
    assert store.count(parse_json({"new": True})) == 2
    assert store.count(parse_json({"sole": ["7", "1.5"]})) == 2
    assert store.count(parse_json({"mixed": [1, 2]})) == 2
    # what is no number is shown as it came, found by no comparison, and not missing
    assert store.retrieve(["d"])["d"].payload["size"] == "large"
    assert store.count(parse_json({"size": {"missing": True}})) == 0
    assert store.count(parse_json({"size": {"not": 42}})) == 3


@pytest.mark.parametrize("name", ["heel height", "a.b", "a[0]", "Größe", "a/b", "", "with-dash", "tags[]"])
def test_any_name_without_quotes_can_be_filtered_on(store: QdrantStore, name: str):
    store.upsert([Point("a", direction(1), "", {name: "high"}), Point("b", direction(2), "", {})])
    assert store.count(parse_json({name: "high"})) == 1
    assert store.facet(name) == {"high": 1}
    assert store.retrieve(["a"], fields=(name,))["a"].payload == {name: "high"}


@pytest.mark.parametrize("name", ['7" screen', "back\\slash"])
def test_a_name_that_is_no_path_is_kept_and_shown(store: QdrantStore, name: str):
    store.upsert([Point("a", direction(1), "", {name: "yes", "brand": "Nike"})])
    assert store.retrieve(["a"], fields=(name,))["a"].payload == {name: "yes"}
    with pytest.raises(FilterError, match="no field named"):
        store.count(parse_json({name: "yes"}))


def test_odd_values_are_kept_and_stop_nothing(store: QdrantStore):
    payload = {"nested": {"a": [1, {"b": None}]}, "big": 10**30, "nan": float("nan"), "list": [1.0, np.inf]}
    store.upsert([Point("a", direction(1), "", payload)])
    assert store.retrieve(["a"])["a"].payload == {
        "id": "a",
        "nested": {"a": [1, {"b": None}]},
        "big": 1e30,
        "list": [1.0],
    }
    assert store.count(parse_json({"big": {"gt": 1e29}})) == 1


# opening, closing, another encoder


def test_a_store_that_was_never_filled_is_not_found(shelf: Shelf):
    with pytest.raises(StoreNotFound, match="vlclip ingest"):
        open_on(shelf, "here")


def test_reopened_it_knows_its_encoder_and_fields(shelf: Shelf):
    first = open_on(shelf, "here", INFO)
    first.upsert(SHOP[:10])
    before, kinds = contents(first), first.fields()
    if isinstance(shelf, FolderShelf):
        first.close()
    again = open_on(shelf, "here")
    assert (again.info, again.fields(), contents(again)) == (INFO, kinds, before)
    again.close()


def test_another_encoder_is_refused_with_both_names(shelf: Shelf):
    opened = open_on(shelf, "here", INFO)
    with pytest.raises(FingerprintMismatch) as raised:
        open_on(shelf, "here", OTHER)
    for part in ("tiny", INFO.fingerprint, "other", OTHER.fingerprint, "vlclip reindex"):
        assert part in str(raised.value)
    opened.close()


def test_a_new_encoder_is_filled_beside_swapped_and_rolled_back(shelf: Shelf):
    old = open_on(shelf, "here", INFO)
    old.upsert(SHOP[:3])
    new = open_on(shelf, "here", OTHER, beside=True)
    new.upsert(SHOP[:5])

    def served() -> tuple[str, int]:
        if isinstance(shelf, FolderShelf):
            old.close()
            new.close()
        store = open_on(shelf, "here")
        answer = (store.info.fingerprint, store.count())
        if isinstance(shelf, FolderShelf):
            store.close()
        return answer

    assert served() == (INFO.fingerprint, 3)
    assert promote_on(shelf, "here", OTHER.fingerprint) == INFO.fingerprint
    assert served() == (OTHER.fingerprint, 5)
    assert promote_on(shelf, "here", INFO.fingerprint) == OTHER.fingerprint
    assert served() == (INFO.fingerprint, 3)
    with pytest.raises(StoreNotFound, match="no collection for the encoder"):
        promote_on(shelf, "here", "another")


def test_the_collections_there_are_have_names_and_sizes_until_they_are_dropped(shelf: Shelf):
    assert shelf.names() == []
    for info, count in ((INFO, 3), (OTHER, 5)):
        opened = open_on(shelf, "here", info, beside=True)
        opened.upsert(SHOP[:count])
        if isinstance(shelf, FolderShelf):
            opened.close()
    old, new = shelf.name(INFO.fingerprint), shelf.name(OTHER.fingerprint)
    assert shelf.names() == sorted([old, new])
    assert [shelf.usage(name).items for name in (old, new)] == [3, 5]
    assert ((shelf.usage(old).disk_bytes or 0) > 0) == isinstance(shelf, FolderShelf)
    shelf.drop(new)
    assert shelf.names() == [old]


def test_closing_twice_is_safe_and_a_closed_store_says_so(store: QdrantStore):
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.count()


def test_threads_may_write_and_search_at_once(tmp_path: Path):
    """Not for `memory`: qdrant-client's stand-in is not made for threads."""
    store = open_on(make_shelf("edge", tmp_path), "here", INFO)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for point in SHOP[number::4]:
                store.upsert([Point(point.id, point.vector, point.lexical, {f"field {number}": 1})])
                store.search([Query(vector=point.vector)])
        except BaseException as error:  # noqa: BLE001  # told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.count() == len(SHOP)
    assert set(store.fields()) == {"id", *(f"field {number}" for number in range(4))}
    store.close()


# the engines agree


def answers(store: QdrantStore, query: np.ndarray, conditions: Filter) -> dict[str, dict[str, float]]:
    everything = Query(vector=query, limit=100, filter=conditions, exclude=("sku 3",), exact=True)
    dense, words = store.search([everything, Query(text="red nike shoe", limit=100, filter=conditions)])
    both = store.candidates(everything, "blue bag", pool=100)
    return {
        "dense": {hit.id: hit.score for hit in dense},
        "words": {hit.id: hit.score for hit in words},
        "candidates, dense": {item.id: item.dense for item in both},
        "candidates, words": {item.id: item.lexical for item in both},
        "count": {"": store.count(conditions)},
        "facet": dict(store.facet("tags", filter=conditions)),
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[QdrantStore, QdrantStore]]:
    shelves = [make_shelf(engine, tmp_path_factory.mktemp("pair")) for engine in ("edge", "memory")]
    for place in shelves:
        store = open_on(place, "here", INFO)
        store.upsert(SHOP)
        store.upsert(shop(30, seed=1)[20:])
        store.delete(["sku 11", "sku 12"])
        if isinstance(place, FolderShelf):
            store.close()  # opened again, the embedded engine has forgotten the deleted items' words
    edge, memory = (open_on(place, "here") for place in shelves)
    yield edge, memory
    edge.close()
    memory.close()


@FEW
@given(conditions=ANY_FILTER, seed=st.integers(0, 1000))
def test_both_engines_give_the_same_ids_and_scores(
    pair: tuple[QdrantStore, QdrantStore], conditions: Filter, seed: int
):
    edge, memory = (answers(store, direction(seed), conditions) for store in pair)
    for name, scores in edge.items():
        assert scores == pytest.approx(memory[name], abs=1e-4), name


def test_a_field_is_there_once_an_item_has_it_and_items_of_a_group_are_read_together(store):
    assert not store.has_field("group")
    store.upsert(
        [Point(p.id, p.vector, p.lexical, {**p.payload, "group": f"g{n % 7}"}) for n, p in enumerate(SHOP)]
    )
    assert store.has_field("group")
    assert {name: store.has_field(name) for name in store.fields()} == dict.fromkeys(store.fields(), True)
    assert not store.has_field("_lacks")
    where = Filter((Condition("group", "any", ("g1", "g5", "nobody")),))
    members = [record.id for page in store.scan(filter=where, batch=5) for record in page]
    assert sorted(members) == sorted(p.id for n, p in enumerate(SHOP) if n % 7 in (1, 5))


# more fields than filters can name


@pytest.mark.parametrize("count", [3, 20, 60])
def test_fields_beyond_the_limit_are_shown_and_a_filter_on_them_is_refused(shelf: Shelf, count: int):
    store = open_on(shelf, "here", INFO, max_fields=20)
    payload = {f"field {number}": f"value {number}" for number in range(count)}
    store.upsert([Point("a", direction(1), "words", payload), Point("b", direction(2), "words", {})])
    stored = store.retrieve(["a"])["a"].payload
    assert {name: stored[name] for name in payload} == payload
    left = store.left_out({**payload, "id": "a"})
    assert len(store.fields()) == min(count + 1, 20)
    assert {*left, *store.fields()} == {*payload, "id"}
    for name, value in payload.items():
        condition = parse_json({name: value})
        if name in left:
            with pytest.raises(FilterError, match=r"20 fields .*max_fields.*vlclip optimize"):
                store.count(condition)
        else:
            hits = store.search([Query(vector=direction(1), filter=condition)])[0]
            assert [hit.id for hit in hits] == ["a"]
            assert store.facet(name) == {value: 1}
    store.close()


def test_tidying_gives_the_places_of_fields_that_no_item_has_to_others(shelf: Shelf):
    store = open_on(shelf, "here", INFO, max_fields=4)
    store.upsert([Point("a", direction(1), "", {"x": "1", "y": "2", "z": 3.0})])
    store.upsert([Point("b", direction(2), "", {"late": "v", "later": True, "mixed": "v"})])
    store.upsert([Point("c", direction(3), "", {"mixed": 1.0})])
    assert store.count(parse_json({"y": "2"})) == 1
    assert store.tidy() == Tidied((), ())
    store.delete(["a"])
    tidied = store.tidy()
    assert sorted(tidied.dropped) == ["x", "y", "z"]
    assert sorted(tidied.added) == ["late", "later"]
    assert set(store.fields()) == {"id", "late", "later"}
    assert store.count(parse_json({"late": "v", "later": True})) == 1
    store.upsert([Point("d", direction(4), "", {"y": 5.0})])
    assert store.count(parse_json({"y": {"gte": 5}})) == 1
    store.close()


def test_a_filter_is_right_whether_its_field_has_an_index_or_not(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    store = open_on(shelf, "here", INFO)
    store.upsert(SHOP)
    forms = [{name: {"missing": False}} for name in KINDS]
    forms += [{"tags": ["new"]}, {"price": {"gte": 50}}, {"brand": "Nike"}, {"available": True}]
    conditions = [parse_json(form) for form in forms]
    with monkeypatch.context() as patched:
        patched.setattr(store._backend, "index_fields", set)
        without = [store.count(condition) for condition in conditions]
    assert [store.count(condition) for condition in conditions] == without
    store.close()
