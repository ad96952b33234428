"""A service that is killed again and again while events and patches come: what it answered is there, once."""

from __future__ import annotations

import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing

import httpx2
import pytest

from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.service.settings import Settings

SERVER = """
import sys
import uvicorn
from vlclip.service.api.app import create_app
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

Shop.warm = lambda self: setattr(self, "is_ready", True)  # nothing is encoded here
settings = Settings.load(store=sys.argv[1], device="cpu", api={"requests_per_minute": 0})
uvicorn.run(create_app(Shop(settings)), port=int(sys.argv[2]), log_level="error", access_log=False)
"""
KILLS = 3
CLIENTS = 4


class Sender:
    """Sends events in batches until told to stop, each again until it is answered; knows the answers."""

    def __init__(self, port, name, repeats):
        self.url, self.name, self.repeats = f"http://127.0.0.1:{port}/v1/events", name, repeats
        self.sent, self.answered, self.counts = [], [], Counter()
        self.stop = threading.Event()

    def run(self):
        rng = random.Random(self.name)
        number = 0
        while not self.stop.is_set():
            size = rng.choice([1, 1, 5, 60])
            batch = [f"{self.name} {number} {place}" for place in range(size)]
            number += 1
            self.sent += batch
            events = [{"id": event_id, "kind": "view", "item": "a", "user": self.name} for event_id in batch]
            while not self.stop.is_set():
                try:
                    answer = httpx2.post(self.url, json={"events": events}, timeout=20)
                except httpx2.TransportError:
                    if not self.repeats:
                        break
                    time.sleep(0.02)
                    continue
                if answer.status_code == 202:
                    self.answered += batch
                    self.counts.update(answer.json())
                    break
                assert answer.status_code == 503, answer.text
                time.sleep(0.02)


class Patcher:
    """Changes the price of one item, to the next whole number each time; knows the last answer."""

    def __init__(self, port, item):
        self.url = f"http://127.0.0.1:{port}/v1/items/{item}"
        self.item, self.answered = item, 0
        self.stop = threading.Event()

    def run(self):
        price = 0
        while not self.stop.is_set():
            price += 1
            try:
                answer = httpx2.patch(self.url, json={"price": price}, timeout=20)
            except httpx2.TransportError:
                time.sleep(0.02)
                continue
            assert answer.status_code == 200, answer.text
            self.answered = price


def start(store, port):
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(store), str(port)])
    while True:
        assert process.poll() is None, "the service did not start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.02)


@pytest.mark.chaos
def test_what_a_killed_service_answered_is_there_and_nothing_is_doubled(filled, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(filled, store)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    senders = [Sender(port, f"client {n}", repeats=n % 2 == 0) for n in range(CLIENTS)]
    patcher = Patcher(port, "drawn-00007")
    threads = [threading.Thread(target=worker.run) for worker in (*senders, patcher)]
    rng = random.Random(7)
    process = start(store, port)
    for thread in threads:
        thread.start()
    for kill in range(KILLS):
        before = sum(len(sender.answered) for sender in senders)
        deadline = time.monotonic() + rng.uniform(0.2, 0.8)
        while time.monotonic() < deadline or sum(len(sender.answered) for sender in senders) == before:
            time.sleep(0.005)
        if kill == KILLS - 1:
            for worker in (*senders, patcher):
                worker.stop.set()
        process.kill()
        process.wait()
        if kill < KILLS - 1:
            process = start(store, port)
    for thread in threads:
        thread.join()
    with closing(SqliteHistory(store / "records" / "history.sqlite")) as history:
        stored = Counter(event.id for _, events in history.sequences() for event in events)
    with closing(sqlite3.connect(store / "records" / "history.sqlite")) as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    answered = [event_id for sender in senders for event_id in sender.answered]
    sent = {event_id for sender in senders for event_id in sender.sent}
    assert len(answered) > 100
    assert [event_id for event_id in answered if stored[event_id] != 1] == []
    assert max(stored.values()) == 1
    assert stored.keys() <= sent
    for sender in senders:
        assert sender.counts["accepted"] + sender.counts["repeated"] == len(sender.answered)
    with closing(open_store(str(store), Settings.load(store=str(store)))) as opened:
        price = opened.retrieve([patcher.item])[patcher.item].payload["price"]
    assert patcher.answered > 0
    assert price >= patcher.answered
