"""A catalogue fed to a running service: the points of an ingest, and only what is new is sent."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from tests.ingestion.fakes import photo_bytes
from tests.service.test_cli import body, run
from vlclip.engine.opening.stores import open_store
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.pipeline.destination import open_destination
from vlclip.ingestion.pipeline.feed import feed
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest_catalogue
from vlclip.service.access.keys import add_key, keys_path
from vlclip.service.api.app import create_app
from vlclip.service.client import Client
from vlclip.service.commands.remote import RemoteService
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

COUNT = 12


def rows() -> list[dict]:
    return [
        {
            "sku": f"sku-{n}", "title": f"Thing {n}", "price": 10 + n / 4, "stock": n, "tags": ["new", "red"],
            "code": 2**53 + 1 + n, "in_stock": n % 2 == 0, "brand": "Acme",
            "image": f"pics/{n}.jpg" if n < 9 else None,
        }
        for n in range(COUNT)
    ]  # fmt: skip


def with_two_photos(item: dict) -> dict:
    return item | {"image": ["pics/7.jpg", "pics/0.jpg"]}


def write(file: Path, items: list[dict]) -> Path:
    file.write_text("\n".join(json.dumps(item) for item in items))
    return file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    (folder / "pics").mkdir(parents=True)
    for n in range(9):
        (folder / "pics" / f"{n}.jpg").write_bytes(photo_bytes((n * 20, 0, 255 - n * 20)))
    return write(folder / "items.jsonl", rows())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, tiny_clip: Path) -> Iterator[tuple[str, Shop]]:
    """A service on an empty store, on a socket."""
    folder = tmp_path_factory.mktemp("fed") / "store"
    settings = Settings.load(store=str(folder), clip=str(tiny_clip), device="cpu")
    with open_destination(settings):
        pass
    shop = Shop(settings)
    shop.warm()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(shop), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    host, port = listening.getsockname()
    yield f"http://{host}:{port}", shop
    server.should_exit = True
    thread.join()
    shop.close()


@pytest.fixture
def service(running: tuple[str, Shop]) -> tuple[str, Shop]:
    """The same, empty."""
    _, shop = running
    shop.delete([record.id for page in list(shop.store.scan(fields=("id",))) for record in page])
    return running


def points(store) -> dict[str, tuple[dict, list[float]]]:
    """Payloads without the time, and vectors."""
    out = {}
    for page in store.scan(with_vector=True):
        for record in page:
            payload = dict(record.payload)
            payload["provenance"] = {k: v for k, v in payload["provenance"].items() if k != "embedded_at"}
            out[record.id] = (payload, record.vector)
    return out


def test_feeding_gives_the_points_of_an_ingest_and_then_sends_nothing(service, source, tiny_clip, tmp_path):
    address, shop = service
    write(source, [with_two_photos(item) if item["sku"] == "sku-7" else item for item in rows()])
    ledger = tmp_path / "ledger.sqlite"
    words = ("ingest", source, "--url", address, "--ledger", ledger)
    first = body(*words)
    assert (first["read"], first["embedded"], first["failed"]) == (COUNT, COUNT, 0)
    settings = Settings.load(store=str(tmp_path / "other"), clip=str(tiny_clip), device="cpu")
    ingest_catalogue(source, settings)
    with closing(open_store(settings.store, settings)) as store:
        expected = points(store)
    stored = points(shop.store)
    assert stored.keys() == expected.keys()
    for item_id, (payload, vector) in expected.items():
        assert stored[item_id][0] == payload
        np.testing.assert_allclose(stored[item_id][1], vector, atol=1e-5)
    again = body(*words)
    assert (again["embedded"], again["unchanged"]) == (0, COUNT)
    assert ledger.is_file()


def test_what_changed_or_was_patched_is_sent_again_and_nothing_else(service, source, tmp_path):
    address, shop = service
    words = ("ingest", source, "--url", address, "--ledger", tmp_path / "ledger.sqlite")
    run(*words)
    with Client(address) as client:
        client.patch("sku-3", {"price": 1})
        client.patch("sku-4", {"title": "patched"})
    items = rows()
    items[5]["price"] = 99
    write(source, items)
    report = body(*words)
    assert (report["embedded"], report["updated"], report["unchanged"]) == (1, 2, COUNT - 3)
    stored = shop.store.retrieve(["sku-3", "sku-5"])
    assert [stored[name].payload["price"] for name in ("sku-3", "sku-5")] == [10.75, 99.0]


def test_prune_asks_the_service_and_keeps_its_guard(service, source, tmp_path):
    address, shop = service
    words = ("ingest", source, "--url", address, "--ledger", tmp_path / "ledger.sqlite", "--prune")
    run(*words)
    write(source, rows()[:8])
    assert body(*words)["deleted"] == 4
    assert shop.store.count() == 8
    write(source, rows()[:2])
    assert "more than half" in body(*words, status=1)["prune_refused"]
    assert shop.store.count() == 8


def test_what_fails_becomes_a_dead_letter_with_its_reason(service, source, tmp_path):
    address, shop = service
    items = rows()
    (source.parent / "pics" / "1.jpg").write_bytes(b"no photo")
    items[2]["image"] = "http://127.0.0.1:9/nothing.jpg"
    items[3]["image"] = "pics/none.jpg"
    write(source, items)
    words = ("ingest", source, "--url", address, "--ledger", tmp_path / "ledger.sqlite")
    report = body(*words)
    assert report["read"] == COUNT
    assert report["failed"] == report["dead_letters"] > 0
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        letters = {letter.item_id: letter.reason for letter in ledger.dead_letters.latest()}
    assert "image" in letters["sku-1"]
    assert "no file" in letters["sku-3"]
    (source.parent / "pics" / "1.jpg").write_bytes(photo_bytes("red"))
    mended = body(*words, "--retry-failed")
    assert mended["embedded"] >= 1
    assert "sku-1" in points(shop.store)


def test_an_interrupted_feed_sends_only_what_is_left(service, source, tmp_path):
    address, _ = service
    sent: list[str] = []

    class Counting(RemoteService):
        limit = 1

        def put(self, forms):
            if len(sent) >= self.limit * 4:
                raise KeyboardInterrupt
            sent.extend(form["id"] for form in forms)
            return super().put(forms)

    settings = Settings.load(ingest={"batch": 4})
    with closing(Counting(address, "")) as remote, closing(Ledger(tmp_path / "l.sqlite")) as ledger:
        with pytest.raises(KeyboardInterrupt):
            feed(IngestPlan(source), remote, ledger, settings)
        remote.limit = 100
        report = feed(IngestPlan(source), remote, ledger, settings)
        assert report.embedded + report.unchanged == COUNT
        assert sorted(sent) == sorted(item["sku"] for item in rows())
        assert {run.status for run in ledger.runs()} == {"interrupted", "complete"}


def test_a_service_that_refuses_or_is_not_there_is_told_in_a_sentence(service, source, tmp_path):
    address, shop = service
    words = ("ingest", source, "--ledger", tmp_path / "ledger.sqlite", "--url")
    assert "cannot be reached" in run(*words, "http://127.0.0.1:9", status=1).stderr
    assert "http://" in run(*words, "localhost", status=1).stderr
    assert "--store" in run(*words, address, "--store", tmp_path / "s", status=1).stderr
    keys = keys_path(shop.settings)
    secret = add_key(keys, ["read", "write"])[0]
    time.sleep(1.1)  # a service looks at the file once a second
    try:
        assert "API key" in run(*words, address, status=1).stderr
        assert body(*words, address, "--key", secret)["failed"] == 0
    finally:
        shutil.rmtree(keys, ignore_errors=True)
