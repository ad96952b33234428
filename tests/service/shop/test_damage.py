"""Laws of `service/shop/damage.py`, and of a service that goes on without what is damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from vlclip.engine.opening.stores import open_store
from vlclip.engine.store.checksum import SUMS
from vlclip.engine.store.edge.roll import Roll
from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.damage import StoreSample
from vlclip.service.shop.shop import Shop


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    folder = shutil.copytree(filled, tmp_path / "store")
    return Settings.load(store=str(folder), device="cpu")


def sampled(settings: Settings) -> str:
    with closing(open_store(settings.store, settings)) as opened:
        sample = StoreSample(opened)
        sample.start()
        sample.wait()
        return sample.damage


def test_a_whole_store_tells_nothing(settings: Settings) -> None:
    assert sampled(settings) == ""


def test_items_that_are_missing_are_counted(settings: Settings) -> None:
    (collection,) = Path(settings.store).glob("collection-*")
    Roll(collection).add(["sku-lost-1", "sku-lost-2"])
    assert "2 of 62 items that were written are missing" in sampled(settings)


def test_an_item_that_is_not_what_was_written_is_named(settings: Settings) -> None:
    with closing(open_store(settings.store, settings)) as opened:
        (record,) = next(opened.scan(batch=1))
        (point,) = opened._backend.fetch(
            [next(iter(opened._backend.written_ids() or {}))], None, vector=False
        )
        vector_sum, payload_sum = point.payload[SUMS]
        row = opened._revised_row(point, _no_change(), opened._backend.kinds())
        fields = {SUMS: [vector_sum ^ 1, payload_sum]}
        opened._backend.revise([row._replace(fields=fields, payload=point.payload | fields)])
        assert record.id
    assert point.payload["id"] in sampled(settings)


def _no_change() -> object:
    from vlclip.engine.store.store import Revision

    return Revision({})


@pytest.mark.parametrize("record", ["history", "exposures", "ledger"])
def test_a_service_goes_on_without_a_damaged_record_and_says_so(
    settings: Settings, record: str, lines: Callable[[], list[dict]]
) -> None:
    file = Path(settings.store) / "records" / f"{record}.sqlite"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"SQLite format 3\0" + b"nonsense" * 2000)
    damaged = file.read_bytes()
    with TestClient(create_app(Shop(settings)), base_url="http://localhost") as client:
        shop_items = client.get("/v1/items/x")
        assert shop_items.status_code == 404
        while (ready := client.get("/readyz")).status_code != 200:
            pass
        assert ready.json()["degraded"] == [record]
        assert str(file) not in ready.text
        answer = client.post("/v1/search", json={"text": "bag", "user": "ann"})
        assert answer.status_code == 200
        event = {"kind": "view", "item": "sku-1", "user": "ann"}
        sent = client.post("/v1/events", json={"events": [event]})
        if record == "history":
            assert sent.status_code == 503
            assert sent.json()["code"] == "history-damaged"
            assert client.get("/v1/users/ann/events").status_code == 503
            assert client.delete("/v1/users/ann").status_code == 503
        else:
            assert sent.status_code == 202
        metrics = client.get("/metrics").text
        assert f'vlclip_degraded{{part="{record}"}} 1.0' in metrics
        if record == "exposures":
            assert "vlclip_exposures_lost_total 1.0" in metrics
    assert file.read_bytes() == damaged
    assert any(line.get("level") == "error" for line in lines())
