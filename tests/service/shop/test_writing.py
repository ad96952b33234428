"""Nobody waits for the photos of others, and what is stored is what came last."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest

from tests.ingestion.fakes import PhotoServer, photo_bytes
from vlclip.ingestion.pipeline.patches import ItemPatch
from vlclip.service.http.requests import ItemBody
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.writing import LATE


@pytest.fixture
def own_shop(filled, tmp_path):
    """A shop of its own that may fetch photos from this machine."""
    folder = tmp_path / "store"
    shutil.copytree(filled, folder)
    running = Shop(Settings.load(store=str(folder), device="cpu", fetch={"allow_private": True}))
    yield running
    running.close()


class SlowHost:
    """A host of a photo which arrives once `let` has been called."""

    def __init__(self, server, path="/slow.jpg"):
        self.asked, self._arrives = threading.Event(), threading.Event()
        photo = photo_bytes()

        def answer(request):
            self.asked.set()
            self._arrives.wait(30)
            request.send_response(200)
            request.send_header("Content-Length", str(len(photo)))
            request.end_headers()
            request.wfile.write(photo)

        server.answers[path] = answer
        self.url = server.url(path)

    def let(self):
        self._arrives.set()


@pytest.fixture
def hosts():
    server = PhotoServer()
    slow = [SlowHost(server), SlowHost(server, "/slower.jpg")]
    yield slow
    for host in slow:
        host.let()
    server.close()


@pytest.fixture
def host(hosts):
    return hosts[0]


class Put(threading.Thread):
    """A write in a thread of its own, and its outcomes."""

    def __init__(self, shop, bodies, **options):
        super().__init__()
        self.shop, self.bodies, self.options, self.outcomes = shop, bodies, options, None
        self.start()

    def run(self):
        self.outcomes = self.shop.put(self.bodies, **self.options)


def body(title, **fields):
    return ItemBody(title=title, **fields)


def stored(shop, item_id):
    return shop.store.retrieve([item_id])[item_id].payload


def test_while_photos_are_awaited_others_are_written_patched_and_removed(own_shop, host):
    own_shop.put([("gone", body("gone")), ("priced", body("priced"))])
    waiting = Put(own_shop, [("slow", body("slow lamp", image=host.url))])
    assert host.asked.wait(30)
    (written,) = own_shop.put([("fast", body("fast lamp"))])
    assert written.status == "embedded"
    assert own_shop.patch([ItemPatch("priced", {"price": 9.0})])[0].status == "patched"
    assert own_shop.delete(["gone"]) == 1
    assert waiting.is_alive()
    host.let()
    waiting.join()
    assert waiting.outcomes[0].status == "embedded"
    assert stored(own_shop, "slow")["title"] == "slow lamp"


def test_what_came_last_is_stored_whoever_waits_for_photos(own_shop, host):
    own_shop.put([(name, body("old", price=1.0)) for name in ("written", "patched", "removed")])
    bodies = [
        (name, body("slow", image=host.url, price=2.0)) for name in ("written", "patched", "removed", "new")
    ]
    waiting = Put(own_shop, bodies)
    assert host.asked.wait(30)
    own_shop.put([("written", body("newest", price=3.0))])
    own_shop.patch([ItemPatch("patched", {"price": 4.0})])
    own_shop.delete(["removed"])
    host.let()
    waiting.join()
    outcomes = {outcome.id: (outcome.status, bool(outcome.reason)) for outcome in waiting.outcomes}
    late = ("unchanged", True)
    assert outcomes == {
        "written": late, "patched": ("embedded", False), "removed": late, "new": ("embedded", False),
    }  # fmt: skip
    assert [stored(own_shop, "written")[name] for name in ("title", "price")] == ["newest", 3.0]
    assert [stored(own_shop, "patched")[name] for name in ("title", "price")] == ["slow", 4.0]
    assert own_shop.store.retrieve(["removed"]) == {}
    assert stored(own_shop, "new")["title"] == "slow"


def test_what_an_item_would_drop_is_judged_when_it_is_stored(own_shop, host):
    waiting = Put(own_shop, [("a", body("slow", image=host.url)), ("a", body("slow", image=host.url))])
    assert host.asked.wait(30)
    early = Put(own_shop, [("b", body("b"))])
    early.join()
    own_shop.patch([ItemPatch("b", attributes={"colour": "red"})])
    assert own_shop.put([("b", body("b"))])[0].drops == ["attributes.colour"]
    host.let()
    waiting.join()
    assert [outcome.status for outcome in waiting.outcomes] == ["embedded", "duplicate"]
    second = Put(own_shop, [("a", body("slow again", image=host.url))])
    second.join()
    assert second.outcomes[0].status == "embedded"


def test_what_changed_while_only_fields_of_an_item_waited_to_be_written_is_not_overwritten(own_shop, host):
    names = ("written", "patched", "removed", "richer", "alone")
    own_shop.put([(name, body("lamp", price=1.0)) for name in names])
    bodies = [(name, body("lamp", price=2.0)) for name in names]
    waiting = Put(own_shop, [*bodies, ("slow", body("slow", image=host.url))])
    assert host.asked.wait(30)
    own_shop.put([("written", body("newest", price=3.0))])
    own_shop.patch([ItemPatch("patched", {"price": 4.0}), ItemPatch("richer", {"currency": "EUR"})])
    own_shop.delete(["removed"])
    host.let()
    waiting.join()
    outcomes = {outcome.id: outcome for outcome in waiting.outcomes}
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "written": "unchanged", "patched": "updated", "removed": "unchanged", "richer": "failed",
        "alone": "updated", "slow": "embedded",
    }  # fmt: skip
    assert outcomes["written"].reason == outcomes["removed"].reason == LATE
    assert outcomes["richer"].drops == ["currency"]
    assert [stored(own_shop, "written")[name] for name in ("title", "price")] == ["newest", 3.0]
    assert [stored(own_shop, name)["price"] for name in ("patched", "richer", "alone")] == [4.0, 1.0, 2.0]
    assert own_shop.store.retrieve(["removed"]) == {}


def test_fields_are_not_written_beside_a_vector_that_an_earlier_write_stored_meanwhile(own_shop, hosts):
    earlier, later = hosts
    own_shop.put([("a", body("lamp", price=1.0))])
    before = own_shop.store.retrieve(["a"], with_vector=True)["a"].vector
    first = Put(own_shop, [("a", body("oak table", price=1.0)), ("b", body("b", image=earlier.url))])
    assert earlier.asked.wait(30)
    second = Put(own_shop, [("a", body("lamp", price=2.0)), ("c", body("c", image=later.url))])
    assert later.asked.wait(30)
    earlier.let()
    first.join()
    assert stored(own_shop, "a")["title"] == "oak table"
    later.let()
    second.join()
    assert [outcome.status for outcome in second.outcomes] == ["embedded", "embedded"]
    assert [stored(own_shop, "a")[name] for name in ("title", "price")] == ["lamp", 2.0]
    np.testing.assert_allclose(
        own_shop.store.retrieve(["a"], with_vector=True)["a"].vector, before, atol=1e-6
    )


def test_photos_of_a_write_have_a_time_together(filled, tmp_path, host):
    folder = tmp_path / "store"
    shutil.copytree(filled, folder)
    settings = Settings.load(
        store=str(folder), device="cpu", fetch={"allow_private": True, "concurrency": 2},
        api={"photos_timeout_s": 0.5},
    )  # fmt: skip
    shop = Shop(settings)
    bodies = [(f"slow-{number}", body("slow", image=host.url)) for number in range(40)]
    outcomes = shop.put([*bodies, ("words", body("words"))])
    shop.close()
    assert [outcome.status for outcome in outcomes] == ["failed"] * 40 + ["embedded"]
    assert all("time for the photos" in outcome.reason for outcome in outcomes[:40])
