"""The laws of `service/shop/list_memory.py`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.shop import INFO, shop, write
from vlclip.engine.filters import Condition, Filter
from vlclip.engine.opening.stores import open_on
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.cache.store import CachedStore
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Revision
from vlclip.ranking.errors import EmptyQuery, UnknownItem
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.service.http.list_json import result_shape
from vlclip.service.settings import Settings
from vlclip.service.shop.list_memory import ListMemory
from vlclip.service.shop.shoppers import Shoppers

COUNT = 12
"""Few items, so that most writes touch the lists that are asked for."""
IDS = st.integers(0, COUNT - 1).map(lambda row: f"sku {row}")
STEADY = [
    Arm(),
    Arm.model_validate({"id": "dear", "rules": {"boosts": [{"field": "price", "weight": 0.5}]}}),
    Arm.model_validate({"id": "pinned", "rules": {"pins": ["sku 3"], "exclude": ["brand=Puma"]}}),
    Arm.model_validate({"id": "varied", "diversity": {"amount": 0.5, "at_most": {"brand": 2}}}),
]
REQUESTS = st.builds(
    lambda anchor, limit, where, weights: ListRequest(
        kind="similar", anchor=anchor, page=Page(limit=limit, filter=where), weights=weights
    ),
    anchor=st.integers(0, 3).map(lambda row: f"sku {row}"),
    limit=st.sampled_from([2, 5]),
    where=st.sampled_from([Filter(), Filter((Condition("price", "lt", (2.5,)),))]),
    weights=st.sampled_from([{}, {"image": 0.25}]),
)
CHANGES = st.one_of(
    st.tuples(st.just("put"), st.integers(0, COUNT - 1), st.integers(0, 99)),
    st.tuples(st.just("price"), IDS, st.sampled_from([0.5, 1.5, 9.5, None])),
    st.tuples(st.just("brand"), IDS, st.sampled_from(["Nike", "Puma", None])),
    st.tuples(st.sampled_from(["field 0", "field 1", "field 2", "field 3"]), IDS, st.just(1.0)),
    st.tuples(st.just("delete"), IDS, st.none()),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CachedStore]:
    opened = open_on(FolderShelf(tmp_path_factory.mktemp("lists") / "store", Hnsw()), "here", INFO)
    assert isinstance(opened, CachedStore)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shoppers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shoppers]:
    opened = Shoppers(Settings.load(store=str(tmp_path_factory.mktemp("shoppers") / "store"), device="cpu"))
    yield opened
    opened.close()


@pytest.fixture
def memory(store: CachedStore, shoppers: Shoppers) -> ListMemory:
    return fresh(store, shoppers)


def fresh(store: CachedStore, shoppers: Shoppers) -> ListMemory:
    """An empty memory over the whole shop."""
    store.upsert(shop(COUNT))
    return ListMemory(store, shoppers, Settings().search)


def ask(memory: ListMemory, request: ListRequest) -> Any:
    key = request.anchor, repr(request).encode()
    answered = memory.serve(key, request, [], time.perf_counter(), explain=False)
    return answered and (json.loads(answered[0]), answered[1])


def comparable(results: list[dict[str, Any]]) -> list[Any]:
    return [
        (result["id"], round(result["score"], 4), result["item"], result["duplicates"],
         {name: round(part, 4) for name, part in result["parts"].items()})
        for result in results
    ]  # fmt: skip


@settings(max_examples=60)
@given(
    changes=st.lists(CHANGES, max_size=8),
    requests=st.lists(REQUESTS, min_size=1, max_size=3),
    arm=st.sampled_from(STEADY),
)
def test_a_list_sent_again_is_the_one_that_would_be_made_now(store, shoppers, changes, requests, arm):
    memory = fresh(store, shoppers)
    plain = Recommender(QdrantStore(store._backend), lambda: None, Settings().search)
    usual, shoppers.arm = shoppers.arm, lambda _: arm
    ids = set()
    try:
        for change in (None, *changes):
            if change is not None:
                write(store, change, COUNT)
            for request in requests:
                with suppress(UnknownItem, EmptyQuery):
                    now = [result_shape(result) for result in request.answer(plain, arm)]
                    for answered in (
                        ask(memory, request),
                        fill(store, shoppers, request),
                        ask(memory, request),
                    ):
                        if answered is None:
                            continue
                        form, served_list = answered
                        assert comparable(form["results"]) == comparable(now)
                        assert [item.item for item in served_list.exposure.items] == [
                            result["id"] for result in now
                        ]
                        assert form["request_id"] == served_list.exposure.request_id not in ids
                        ids.add(served_list.request_id)
    finally:
        shoppers.arm = usual


def fill(store: CachedStore, shoppers: Shoppers, request: ListRequest) -> None:
    """Make a list by the engine, as a worker does, so that the store remembers what it needs."""
    shoppers.serve(Recommender(store, lambda: None, Settings().search), request, [])


@pytest.fixture
def request_form(memory: ListMemory, store: CachedStore, shoppers: Shoppers) -> ListRequest:
    """A request whose list the store remembers all of."""
    request = ListRequest(kind="similar", anchor="sku 1", page=Page(limit=4))
    fill(store, shoppers, request)
    return request


def absent(form: dict[str, Any]) -> str:
    """An item that a list of `sku 1` does not show."""
    ids = {result["id"] for result in form["results"]}
    return next(f"sku {row}" for row in range(COUNT) if f"sku {row}" not in ids | {"sku 1"})


def test_a_list_asked_for_a_third_time_is_not_made_again(memory, request_form, monkeypatch):
    assert ask(memory, request_form) is None  # it would seldom be remembered
    first, _ = ask(memory, request_form)
    monkeypatch.setattr(memory, "_recommender", None)
    again, served_list = ask(memory, request_form)
    assert again["results"] == first["results"]
    assert served_list.exposure.context["anchor"] == "sku 1"


def test_a_write_that_the_list_does_not_show_leaves_it_in_memory(memory, store, request_form, monkeypatch):
    ask(memory, request_form)
    form, _ = ask(memory, request_form)
    store.revise([absent(form)], lambda _: Revision({"price": 77.0}))
    monkeypatch.setattr(memory, "_recommender", None)
    assert ask(memory, request_form)[0]["results"] == form["results"]


def test_the_first_item_with_a_group_makes_cards_of_all_lists(shoppers, tmp_path):
    opened = open_on(FolderShelf(tmp_path / "store", Hnsw()), "here", INFO)
    memory = fresh(opened, shoppers)
    request = ListRequest(kind="similar", anchor="sku 1", page=Page(limit=4))
    fill(opened, shoppers, request)
    ask(memory, request)
    other = absent(ask(memory, request)[0])
    opened.revise([other], lambda _: Revision({"group": "shoes"}))
    assert ask(memory, request) is None  # the engine is asked for the variants
    opened.close()


@pytest.mark.parametrize(
    "arm",
    [
        {"exploration": {"temperature": 0.5}},
        {"rules": {"boosts": [{"field": "updated_at", "weight": 1, "shape": "fresh"}]}},
    ],
)
def test_what_depends_on_time_or_chance_is_made_each_time(memory, shoppers, request_form, monkeypatch, arm):
    monkeypatch.setattr(shoppers, "arm", lambda _: Arm.model_validate(arm))
    makes = []
    similar = memory._recommender.similar
    monkeypatch.setattr(
        memory._recommender,
        "similar",
        lambda *args, **options: makes.append(args) or similar(*args, **options),
    )
    fill(memory._store, shoppers, request_form)
    for _ in range(4):
        ask(memory, request_form)
    assert len(makes) == 3


@settings(max_examples=30)
@given(requests=st.lists(REQUESTS, min_size=1, max_size=30), list_bytes=st.integers(0, 30_000))
def test_what_is_remembered_stays_within_its_bounds(store, shoppers, requests, list_bytes):
    memory = fresh(store, shoppers)
    usual, store.list_bytes = store.list_bytes, list_bytes
    try:
        for request in requests:
            with suppress(UnknownItem, EmptyQuery):
                fill(store, shoppers, request)
                ask(memory, request)
                assert memory.size_bytes <= list_bytes
        store.list_bytes = 5_000
        for size in (100, 10_000):  # what the request says takes memory as well
            memory.serve(("x" * size, b"y" * size), requests[0], [], 0.0, explain=False)
            assert memory.size_bytes <= 5_000 >= len(memory) * size
        store.list_bytes = 0
        ask(memory, ListRequest(kind="similar", anchor="last"))
        assert (memory.size_bytes, len(memory)) == (0, 0)
    finally:
        store.list_bytes = usual


def test_only_short_lists_for_nobody_in_particular_suit(memory):
    def suits(**fields: Any) -> bool:
        return memory.suits(ListRequest(**{"kind": "similar", "anchor": "a"} | fields))

    assert suits()
    assert suits(page=Page(limit=24, filter=Filter((Condition("price", "lt", (2.5,)),))))
    for fields in (
        {"unit": "user:anna"}, {"kind": "search", "text": "red"}, {"page": Page(limit=25)},
        {"page": Page(offset=1)}, {"page": Page(exact=True)},
    ):  # fmt: skip
        assert not suits(**fields)
