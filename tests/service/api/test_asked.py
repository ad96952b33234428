"""What was asked of the service is in its log, so that every list can be asked again."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.service.records import exposures
from vlclip.ranking.evaluation.replay.as_of import PastShop
from vlclip.ranking.evaluation.replay.logged_list import LoggedList, read_logged_list
from vlclip.ranking.evaluation.replay.policy import ArmPolicy
from vlclip.ranking.experiments.table import anonymous
from vlclip.ranking.lists.recommender import PLAIN
from vlclip.service.api.app import create_app

WEIGHTS = {"image": 0.4, "text": 0.9}
KNOBS = {"limit": 5, "diversity": 0.3, "collapse": True, "exclude": ["drawn-00003", "drawn-00004"]}


@pytest.fixture(scope="module")
def client(shop):
    shop.is_ready = True
    return TestClient(create_app(shop), raise_server_exceptions=False)


def latest(shop):
    return exposures(shop)[-1]


def similar(client):
    params = {**KNOBS, "weights": "image=0.4,text=0.9", "filter": ["price<80", '{"price": {"gt": 1}}']}
    return client.get("/v1/items/drawn-00001/similar", params=params)


def recommendations(client):
    params = {**KNOBS, "weights": "image=0.4,text=0.9", "filter": ["price<80", "price>1"]}
    return client.get("/v1/users/anna/recommendations", params=params)


def search(client):
    body = {"text": "red shoe", "weights": WEIGHTS, "filter": {"price": {"lt": 80, "gt": 1}}}
    return client.post("/v1/search", json={**KNOBS, **body})


def form(client):
    query = {"text": "red shoe", "weights": "image=0.4,text=0.9", "filter": ["price<80", "price>1"]}
    fields = [
        (name, (None, str(element)))
        for name, value in {**KNOBS, **query}.items()
        for element in (value if isinstance(value, list) else [value])
    ]
    return client.post("/v1/search", files=fields)


@pytest.mark.parametrize("ask", [similar, recommendations, search, form])
def test_over_http_a_list_is_logged_with_what_its_request_said(client, shop, ask):
    answer = ask(client)
    assert answer.status_code == 200, answer.text
    exposure = latest(shop)
    assert exposure.context["asked"] == {"weights": WEIGHTS, **KNOBS}
    logged = read_logged_list(exposure)
    assert isinstance(logged, LoggedList)
    assert {(c.operator, c.values) for c in logged.request.page.filter.conditions} == {
        ("lt", (80,)),
        ("gt", (1,)),
    }
    assert_certain(shop, logged)


def test_what_a_request_does_not_say_is_not_made_up(client, shop):
    client.get("/v1/items/drawn-00001/similar")
    nothing = {"weights": {}, "exclude": [], "limit": None, "collapse": None, "diversity": None}
    assert latest(shop).context["asked"] == nothing


@pytest.mark.parametrize("path", ["/page/item?id=drawn-00001", "/?text=red+shoe", "/", "/page/you"])
def test_the_web_page_logs_it_as_well(client, shop, path):
    sign = "&" if "?" in path else "?"
    answer = client.get(f"{path}{sign}w.image=0.4&diversity=0.3&price.to=80&filter=title!%3Dx%3Bprice>1")
    assert answer.status_code == 200, answer.text
    exposure = latest(shop)
    assert exposure.context["asked"]["weights"] == {"image": 0.4}
    assert (exposure.context["asked"]["diversity"], exposure.context["asked"]["limit"]) == (0.3, 24)
    logged = read_logged_list(exposure)
    assert isinstance(logged, LoggedList)
    conditions = {(c.field, c.operator, c.values) for c in logged.request.page.filter.conditions}
    assert conditions == {("price", "lte", (80,)), ("title", "not", ("x",)), ("price", "gt", (1,))}
    assert_certain(shop, logged)


def test_made_anonymous_it_keeps_all_but_what_was_excluded(client, shop):
    similar(client)
    (((exposure, _),),) = anonymous([[(latest(shop), ())]])
    knobs = {name: value for name, value in KNOBS.items() if name != "exclude"}
    assert exposure.context["asked"] == {"weights": WEIGHTS, **knobs}


def test_a_number_of_any_size_in_a_filter_is_logged_as_it_was_compared(client, shop):
    conditions = {"price": {"lt": 10**30, "gt": 1}, "available": [True], "brand": {"missing": False}}
    assert client.post("/v1/search", json={"text": "red", "filter": conditions}).status_code == 200
    logged = latest(shop).context
    assert logged["text"] == "red"
    assert logged["filter"] == conditions | {"price": {"lt": 1e30, "gt": 1}}
    assert logged["filter"]["available"] == [True]
    refused = client.post("/v1/search", json={"text": "red", "filter": {"price": {"lt": 10**400}}})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad-request")


def assert_certain(shop, logged):
    """The plain arm, asked again, gives the very list."""
    past = PastShop(shop.store, shop.encoders.load, shop.settings.search, shop.shoppers.history)
    distribution = ArmPolicy(PLAIN, past).probabilities(logged)
    assert distribution.own == logged.items
    assert (distribution.next[range(len(logged.chosen)), logged.chosen] == 1).all()
