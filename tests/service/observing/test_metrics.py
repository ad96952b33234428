"""What a running service counts and measures."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.service.mannered import problem
from vlclip.engine.errors import StoreUnavailable
from vlclip.service.access.keys import add_key
from vlclip.service.api.app import create_app
from vlclip.service.observing.metrics import Metrics
from vlclip.service.settings import Api, Settings
from vlclip.service.settings import Metrics as MetricsSettings
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.workers import Workers

DOCS = Path(__file__).parents[3] / "docs" / "monitoring.md"


@pytest.fixture(scope="module")
def running(filled, tmp_path_factory):
    """A shop of these tests' own, for what they do in it is counted."""
    folder = shutil.copytree(filled, tmp_path_factory.mktemp("measured") / "store")
    shop = Shop(Settings.load(store=str(folder), device="cpu"))
    shop.warm()
    yield shop
    shop.close()


@pytest.fixture
def open_client(running, monkeypatch):
    """A client of a service over it; requests are counted from nothing."""

    def start(**sections):
        monkeypatch.setattr(running, "settings", running.settings.model_copy(update=sections))
        client = TestClient(create_app(running))
        client.shop = running
        return client

    return start


def families(client, **headers):
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def samples(client):
    """Every sample but the buckets: by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families(client).values()
        for sample in family.samples
        if "le" not in sample.labels
    }


def exercise(client):
    """Something of everything that is counted."""
    for _ in range(3):
        client.get("/v1/items/drawn-00001/similar", params={"user": "anna"})
    client.post("/v1/search", json={"text": "red shoe for anna"})
    client.get("/v1/users/anna/recommendations")
    client.get("/v1/items/secret-item")
    client.get("/secret-path")
    client.post("/v1/events", json={"events": [{"kind": "view", "item": "drawn-00001", "user": "anna"}]})
    client.put("/v1/items/broken", json={"title": "x", "image": "data:image/png;base64,AAAA"})
    client.shop.shoppers.flush()


def test_what_was_asked_is_counted_by_route_stage_and_list(open_client):
    client = open_client()
    before = samples(client)
    exercise(client)
    values = samples(client)
    similar = ("route", "/v1/items/{item_id}/similar")
    requests = "vlclip_request_duration_seconds_count"
    assert values[requests, ("method", "GET"), similar, ("status", "2xx")] == 3
    assert values[requests, ("method", "GET"), ("route", "unmatched"), ("status", "4xx")] == 1
    assert values[requests, ("method", "GET"), ("route", "/v1/items/{item_id}"), ("status", "4xx")] == 1
    stages = "vlclip_stage_duration_seconds_count"
    assert {
        label["stage"]
        for name, *labels in values
        if name == stages and (label := dict(labels))["route"] == similar[1]
    } == {"queue", "search", "rank", "serialise"}
    assert values[stages, ("route", "/v1/search"), ("stage", "encode")] == 1
    lists = "vlclip_lists_total"
    assert values[lists, ("arm", "default"), ("kind", "similar"), ("strategy", "content")] == 3
    assert values[lists, ("arm", "default"), ("kind", "search"), ("strategy", "content")] == 1
    written = ("vlclip_exposures_written_total",), ("vlclip_events_written_total",)
    assert [values[name] - before[name] for name in written] == [5, 1]
    assert values["vlclip_dead_letters", ("step", "photo")] == 1
    assert values["vlclip_ingest_runs", ("status", "complete")] == 1
    assert (values["vlclip_items",], values["vlclip_ready",], values["vlclip_store_up",]) == (60, 1, 1)


def test_a_request_spends_in_its_stages_no_more_than_it_takes(open_client):
    client = open_client()
    exercise(client)
    values = samples(client)
    route = ("route", "/v1/search")
    whole = values["vlclip_request_duration_seconds_sum", ("method", "POST"), route, ("status", "2xx")]
    parts = [values["vlclip_stage_duration_seconds_sum", route, ("stage", stage)]
             for stage in ("queue", "encode", "search", "rank", "serialise")]  # fmt: skip
    assert all(part >= 0 for part in parts)
    assert sum(parts) <= whole


def test_no_label_says_who_asked_or_what(open_client):
    client = open_client()
    exercise(client)
    text = client.get("/metrics").text
    for secret in ("anna", "secret", "red shoe", "drawn-00001"):
        assert secret not in text


def test_asking_for_more_items_makes_no_more_series(open_client):
    client = open_client()
    exercise(client)
    before = len(samples(client))
    for n in range(20):
        client.get(f"/v1/items/drawn-{n:05}/similar")
        client.get(f"/nowhere/{n}")
        client.request(f"M{n}", "/v1/search")
    assert len(samples(client)) <= before + 10  # other methods, other statuses
    again = len(samples(client))
    for n in range(20, 40):
        client.get(f"/v1/items/drawn-{n:05}/similar")
        client.get(f"/nowhere/{n}")
        client.request(f"M{n}", "/v1/search")
    assert len(samples(client)) == again


def test_two_services_in_one_process_count_apart(open_client, shop):
    client = open_client()
    exercise(client)
    other = Metrics(shop, Workers(1, queue=1, max_wait_s=1)).registry.collect()
    assert not [
        sample for family in other for sample in family.samples if sample.name == "vlclip_lists_total"
    ]


def test_a_store_that_is_away_takes_only_its_own_metrics_along(open_client, monkeypatch):
    client = open_client()

    def away():
        raise StoreUnavailable("away")

    monkeypatch.setattr(client.shop.store, "count", away)
    values = samples(client)
    assert values["vlclip_store_up",] == 0
    assert ("vlclip_items",) not in values
    assert ("vlclip_ready",) in values


def test_both_formats_are_given(open_client):
    client = open_client()
    plain = client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


def test_metrics_need_a_key_of_their_own_unless_they_are_open(open_client, tmp_path):
    path = tmp_path / "keys.json"
    secrets = {scope: add_key(path, [scope])[0] for scope in ("read", "write", "metrics")}
    client = open_client(api=Api(keys=str(path)))

    def status(path, scope):
        return client.get(path, headers={"X-API-Key": secrets[scope]}).status_code

    problem(client.get("/metrics"), 401, "no-key")
    # a key in a page reads lists, and is public
    assert [status("/metrics", scope) for scope in ("read", "write", "metrics")] == [403, 200, 200]
    assert status("/v1/items/drawn-00001/similar", "metrics") == 403
    client = open_client(api=Api(keys=str(path)), metrics=MetricsSettings(open=True))
    assert client.get("/metrics").status_code == 200
    assert client.get("/v1/items/drawn-00001/similar").status_code == 401


def test_recall_is_probed_where_the_setting_says_so(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "store")
    settings = Settings.load(store=str(folder), device="cpu", metrics={"probe_interval_s": 0.01})
    with TestClient(create_app(Shop(settings))) as client:
        while not samples(client)["vlclip_probe_recall_count",]:
            client.get("/v1/items/drawn-00002/similar")
        values = samples(client)
    assert values["vlclip_probe_recall_sum",] == values["vlclip_probe_recall_count",]


def test_the_docs_name_every_metric_with_its_type_labels_and_meaning(open_client):
    client = open_client()
    exercise(client)
    expected = set()
    for family in families(client).values():
        if family.name.endswith("_created"):
            continue
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        expected.add((name, family.type, ", ".join(sorted(labels)), family.documentation))
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    assert set(rows) == expected
