"""What is wrong with an installation, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from fastapi.testclient import TestClient

from vlclip.engine.errors import StoreDamaged
from vlclip.engine.machine import cores_here, memory_bytes
from vlclip.engine.opening.stores import home, open_store
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ingestion.reading.entry import Entry, Failure
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.service.access.keys import add_key
from vlclip.service.api.app import create_app
from vlclip.service.diagnosis.finding import Finding, findings
from vlclip.service.diagnosis.machine import disk, machine
from vlclip.service.diagnosis.records import events, exposures, keys, ledger
from vlclip.service.diagnosis.server import read, running
from vlclip.service.diagnosis.store import encoder, lock_holder, store
from vlclip.service.settings import Api, Settings


@pytest.fixture
def settings(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "store")
    return Settings.load(store=str(folder), device="cpu")


def findings_by_name(check, settings):
    """What a check finds by name, `ok` or the advice."""
    return {finding.what: finding for finding in check(settings)}


def test_a_check_that_cannot_be_done_is_a_finding_and_the_others_are_done(settings):
    def broken(_):
        yield Finding("ok", "first", "here")
        raise StoreDamaged("it is torn; restore it")

    def sound(_):
        yield Finding("ok", "last", "here")

    assert [(finding.state, finding.what) for finding in findings([broken, sound], settings)] == [
        ("ok", "first"), ("bad", "broken"), ("ok", "last"),
    ]  # fmt: skip


def test_a_sound_installation_has_nothing_but_keys_to_note(settings):
    checks = (machine, disk, store, encoder, ledger, events, exposures, keys)
    assert [finding.what for finding in findings(checks, settings) if finding.state != "ok"] == ["API keys"]


def test_an_open_store_is_left_alone_and_its_holder_named(settings):
    opened = open_store(settings.store, settings)
    try:
        finding = findings_by_name(store, settings)["store"]
        assert finding.state == "note"
        assert "--url" in finding.says
        if sys.platform == "linux":
            assert f"process {os.getpid()} (" in finding.says
        assert findings_by_name(encoder, settings)["encoder"].state == "ok"  # which needs no lock
    finally:
        opened.close()
    assert findings_by_name(store, settings)["store"].state == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/locks is Linux's")
def test_whoever_holds_a_lock_is_known_while_it_is_held(tmp_path):
    lock = tmp_path / "open.lock"
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert lock_holder(lock) == process.pid
        process.stdin.close()
        process.wait()
    assert lock_holder(lock) is None


def test_another_encoder_is_refused_with_the_way_out(settings, tmp_path):
    from tests.conftest import make_tiny_clip

    other = settings.model_copy(update={"clip": str(make_tiny_clip(tmp_path / "other", seed=5))})
    other.model_fields_set.add("clip")
    refusal = {finding.what: finding for finding in findings([encoder], other)}["encoder"]
    assert refusal.state == "bad"
    assert "reindex" in refusal.says


def test_an_index_that_lacks_items_is_noted(settings, monkeypatch):
    monkeypatch.setattr("vlclip.engine.store.edge.backend.EdgeBackend.unindexed", lambda _: 30)
    assert findings_by_name(store, settings)["index"].state == "ok"  # so few are compared in no time
    # 64 floats of 4 bytes: 50,000 items are 12.8 MB, and over 10 MB a graph is worth it
    monkeypatch.setattr("vlclip.engine.store.edge.backend.EdgeBackend.unindexed", lambda _: 50_000)
    finding = findings_by_name(store, settings)["index"]
    assert finding.state == "note"
    assert "50,000 of 60" in finding.says
    assert "vlclip ingest" in finding.says


def test_written_items_are_outside_the_graph_until_the_store_is_optimized(settings):
    opened = open_store(settings.store, settings)
    try:
        before = opened.unindexed()
        assert 0 <= before <= 2 * opened.count()
        opened.optimize()
        assert opened.unindexed() <= before
    finally:
        opened.close()


def test_fields_over_the_cap_are_noted(settings, monkeypatch):
    settings = settings.model_copy(update={"max_fields": 16})
    assert "fields" not in findings_by_name(store, settings)
    crowd = {f"field {number}": "keyword" for number in range(16)}
    monkeypatch.setattr("vlclip.engine.store.qdrant.QdrantStore.fields", lambda _: crowd)
    assert findings_by_name(store, settings)["fields"].state == "note"


def test_dead_letters_are_told_by_their_commonest_reasons(settings):
    records = Ledger(ledger_path(settings))
    reasons = [
        *[f"https://shop.example/{n}.jpg answered 404" for n in range(4)],
        *[f"the photo of 'sku {n}' is no image" for n in range(2)],
        "no title", "no id",
    ]  # fmt: skip
    records.dead_letters.bury(
        1,
        [
            Entry(source="a.csv", row=row, id=str(row), failure=Failure("photo", reason))
            for row, reason in enumerate(reasons)
        ],
    )
    records.close()
    finding = findings_by_name(ledger, settings)["dead letters"]
    assert finding.state == "note"
    assert (
        "8 items failed (4 of photo: … answered …; 2 of photo: the photo of … is no image; 1 of"
        in finding.says
    )
    assert "--retry-failed" in finding.says
    assert "shop.example" not in finding.says


COUNTS = dict.fromkeys(("read", "embedded", "updated", "unchanged", "failed", "deleted"), 0)


@pytest.mark.parametrize(("ended", "advice"), [("failed", "run it again"), (None, "interrupted")])
def test_a_run_that_did_not_end_well_is_noted(settings, ended, advice):
    records = Ledger(ledger_path(settings))
    run = records.start("catalogue.csv", "f")
    if ended:
        records.finish(run, ended, COUNTS)
    records.close()
    finding = findings_by_name(ledger, settings)["last ingest"]
    assert finding.state == "note"
    assert advice in finding.says


def test_items_of_the_last_run_that_were_updated_without_encoding_are_told(settings):
    records = Ledger(ledger_path(settings))
    records.finish(records.start("catalogue.csv", "f"), "complete", {**COUNTS, "read": 5000, "updated": 4000})
    records.close()
    assert "4,000 updated without encoding" in findings_by_name(ledger, settings)["last ingest"].says


def test_events_are_counted_and_those_of_the_future_noted(settings):
    now = time.time()
    history = SqliteHistory(home(settings) / "history.sqlite")
    history.add([
        Event(id=str(n), kind="view", item="a", user="u", time=now + later)
        for n, later in enumerate((-86_400, 0, 3600, 7200))
    ])  # fmt: skip
    by_name = findings_by_name(events, settings)  # while it is open
    history.close()
    assert by_name["events"].says.startswith("4 in ")
    assert by_name["clock"].state == "note"
    assert by_name["clock"].says.startswith("2 events lie in the future")


def test_a_log_that_is_damaged_or_off_is_told(settings):
    path = home(settings) / "exposures.sqlite"
    path.write_bytes(b"no database" * 100)
    assert findings_by_name(exposures, settings)["exposures"].state == "bad"
    sqlite3.connect(path.with_name("other.sqlite")).close()
    off = settings.model_copy(update={"exposures": settings.exposures.model_copy(update={"log": False})})
    assert findings_by_name(exposures, off)["exposures"].state == "note"


def test_without_keys_it_says_who_may_ask(settings):
    assert "127.0.0.1" in findings_by_name(keys, settings)["API keys"].says
    add_key(home(settings) / "keys.json", ["read"])
    assert findings_by_name(keys, settings)["API keys"].state == "ok"


@pytest.mark.parametrize(("free", "state"), [(10**6, "bad"), (2 * 10**8, "note"), (10**12, "ok")])
def test_room_on_the_disk_is_weighed_against_the_store(settings, monkeypatch, free, state):
    with (Path(settings.store) / "large").open("wb") as file:
        file.truncate(10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert findings_by_name(disk, settings)["disk"].state == state


def test_room_on_the_disk_is_held_to_the_reserve_of_the_settings(settings, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000_000))
    assert findings_by_name(disk, settings)["disk"].state != "bad"
    larger = settings.model_copy(update={"disk_reserve_mb": 1000})
    assert findings_by_name(disk, larger)["disk"].state == "bad"


def test_settings_that_ask_for_more_than_the_machine_has_are_noted(settings):
    assert cores_here() >= 1
    assert memory_bytes() > 10**8
    large = settings.model_copy(
        update={
            "api": Api(workers=256),
            "search": settings.search.model_copy(update={"vectors": memory_bytes() // 4096}),
        }
    )
    notes = {
        what: finding for what, finding in findings_by_name(machine, large).items() if finding.state == "note"
    }
    assert notes.keys() == ({"api.workers", "search.vectors"} if cores_here() < 128 else {"search.vectors"})
    assert all("set it to" in finding.says for finding in notes.values())


class InProcessClient:
    """A running service as a client sees it."""

    def __init__(self, shop):
        self.client = TestClient(create_app(shop))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get(self, path, headers=None):
        answer = self.client.get(path, headers=headers)
        return httpx2.Response(answer.status_code, content=answer.content)


def test_a_running_service_is_asked(shop, tmp_path):
    shop.warm()
    settings = Settings(store=str(tmp_path / "elsewhere"))
    by_name = findings_by_name(running("http://localhost:8000", "", InProcessClient(shop)), settings)
    assert {what: finding.state for what, finding in by_name.items()} == {
        "server": "ok", "errors": "ok", "load": "ok", "memory": "ok",
        "lost exposures": "ok", "lost events": "ok",
    }  # fmt: skip
    assert f"{shop.store.count()} items" in by_name["server"].says
    elsewhere = findings_by_name(running("http://shop.example", "", InProcessClient(shop)), settings)
    assert elsewhere["API keys"].state == "bad"


def test_a_service_that_wants_a_key_or_is_not_ready_says_so(shop, tmp_path, monkeypatch):
    path = tmp_path / "keys.json"
    secret, _ = add_key(path, ["metrics"])
    monkeypatch.setattr(shop, "settings", shop.settings.model_copy(update={"api": Api(keys=str(path))}))
    monkeypatch.setattr(shop, "is_ready", False)
    settings = Settings(store=str(tmp_path / "elsewhere"))
    without = findings_by_name(running("http://shop.example", "", InProcessClient(shop)), settings)
    assert without["server"].state == "bad"
    assert shop.why_not_ready in without["server"].says
    assert "API keys" not in without
    assert "--scope metrics" in without["metrics"].says
    assert "errors" in findings_by_name(
        running("http://shop.example", secret, InProcessClient(shop)), settings
    )


def test_a_service_that_is_not_there_is_bad(tmp_path):
    unreachable = httpx2.Client(transport=httpx2.MockTransport(_refuse), base_url="http://localhost:1")
    by_name = findings_by_name(running("http://localhost:1", "", unreachable), Settings(store=str(tmp_path)))
    assert by_name["server"].state == "bad"
    assert "vlclip serve" in by_name["server"].says


def _refuse(_):
    raise httpx2.ConnectError("refused")


def test_what_a_services_metrics_say_worked_by_hand(settings):
    requests = "vlclip_request_duration_seconds_count"
    samples = {
        "vlclip_build_info": [({"fingerprint": "old", "version": "1"}, 1.0)],
        requests: [
            ({"route": "/readyz", "status": "5xx"}, 5000.0),  # it was starting
            ({"route": "/v1/search", "status": "2xx"}, 970.0),
            ({"route": "/v1/search", "status": "5xx"}, 30.0),
        ],
        "vlclip_lists_waiting": [({}, 9.0)],
        "vlclip_workers": [({}, 2.0)],
        "vlclip_exposures_lost_total": [({}, 7.0)],
        "vlclip_exposures_written_total": [({}, 93.0)],
        "vlclip_probe_recall_sum": [({}, 90.0)],
        "vlclip_probe_recall_count": [({}, 100.0)],
    }
    by_name = {finding.what: finding for finding in read(samples, settings)}
    assert {what: finding.state for what, finding in by_name.items()} == {
        "served vectors": "note", "errors": "note", "load": "note", "lost exposures": "bad",
        "lost events": "ok", "recall": "note",
    }  # fmt: skip
    assert by_name["errors"].says.startswith("30 of 1,000 requests")
    assert by_name["lost exposures"].says.startswith("7 of 100 ")
    assert by_name["recall"].says.startswith("0.900 ")
