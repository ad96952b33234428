"""The shop whose processes are killed: its items, what works on its store, and the clients of its service.

The store, the history and the service are real; vectors are made of words, without a model.
"""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy

import httpx2
import numpy as np
import uvicorn

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import collections, drop, shelf
from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.engine.store.store import StoreInfo
from vlclip.ingestion.pipeline import destination
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.service.api.app import create_app
from vlclip.service.commands.reindex import reindex
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

SENDERS = 3
SPACE = FusedSpace((Segment("image", 4), Segment("text", 8)))
INFOS = {name: StoreInfo(name * 4, SPACE, {"image": name, "text": name}) for name in ("aaaa", "bbbb")}
State = tuple[str, float] | None
"""An item's title and price, None where it is not there."""


class Words:
    """An encoder whose vector says which version of a title it was given."""

    def __init__(self, info: StoreInfo) -> None:
        self.info = info

    def embed_items(
        self,
        photos: Sequence[Floats | None],  # noqa: ARG002 - all texts here have no photo
        texts: Sequence[str],
        ids: Sequence[str] = (),  # noqa: ARG002
    ) -> Floats:
        """Of texts alone."""
        words = np.stack([direction(self.info.fingerprint, text) for text in texts])
        return self.info.space.item_vectors(
            {"image": np.zeros((len(texts), 4), np.float32), "text": words}, len(texts)
        )

    def embed_refined(
        self,
        photos: Sequence[Floats | None],
        raw: Sequence[str],
        refined: Sequence[str],  # noqa: ARG002
        ids: Sequence[str] = (),  # noqa: ARG002
    ) -> tuple[Floats, Any]:
        """As if nothing had been refined."""
        return self.embed_items(photos, raw), np.zeros(len(raw), dtype=bool)


def direction(fingerprint: str, text: str) -> Floats:
    version = re.search(r"\bv[a-j]+\b", text.lower())
    assert version, text
    seed = int.from_bytes(f"{fingerprint} {version[0]}".encode(), "little")
    return np.random.default_rng(seed).standard_normal(8).astype(np.float32)


def title_of(number: int) -> str:
    return "Red shoe v" + "".join("abcdefghij"[int(digit)] for digit in str(number))


def use_words(fingerprint: str) -> None:
    """Replace the encoder of this process."""
    info = INFOS[fingerprint[:4]]
    destination.embedder_info = lambda *_: info
    destination.load_embedder = lambda *_: Words(info)
    Encoders.load = lambda _: Words(info)
    Shop.warm = lambda shop: setattr(shop, "is_ready", True)


def settings_of(store: str) -> Settings:
    return Settings.load(
        store=store,
        device="cpu",
        ingest={"batch": 4},
        api={"requests_per_minute": 0},
        refinement={"mode": "off"},
    )


def serve(store: str, port: int) -> None:
    uvicorn.run(create_app(Shop(settings_of(store))), port=port, log_level="critical", access_log=False)


def ingest(store: str, catalogue: Path) -> None:
    ingest_catalogue(catalogue, settings_of(store), force_prune=True)


def reindexed(store: str, catalogue: Path, other: str) -> None:
    use_words(other)
    reindex(str(catalogue), store=store, refine="off", device="cpu", json=True)
    for each in collections(store, settings_of(store)):
        if not each.is_current:
            drop(store, settings_of(store), each.fingerprint)


def is_store(store: str) -> bool:
    with suppress(Exception), closing(shelf(store, settings_of(store))) as place:
        return place.current() is not None
    return False


class Shoppers:
    """Clients of a service: they know what was answered, and what was only asked."""

    def __init__(self, port: int, truth: dict[str, State], name: str, seed: int) -> None:
        self._url, self._stop = f"http://127.0.0.1:{port}", threading.Event()
        self.truth = truth
        self.possible: dict[str, State] = {}
        """What the one request under way for an item would make of it."""
        self.past = {item_id: [state] for item_id, state in truth.items()}
        """What each item was asked to be, one after another."""
        self.sent: set[str] = set()
        self.events: list[str] = []
        self.users = [f"{name} {n}" for n in range(SENDERS)]
        self.units = [f"user:{user}" for user in self.users]
        self.errors: list[str] = []
        self.answers = 0
        works = [(self._send, user) for user in self.users] + [(self._write, half) for half in (0, 1)]
        self._threads = [
            threading.Thread(target=work, args=(part, random.Random(f"{seed} {part}")))
            for work, part in works
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask nothing more, and wait for what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client: httpx2.Client, method: str, path: str, body: Any = None) -> bool:
        """Whether it was answered well; otherwise, nobody knows whether it was done."""
        try:
            answer = client.request(method, self._url + path, json=body)
        except httpx2.TransportError:
            self._stop.wait(0.01)
            return False
        if answer.status_code >= 300 and answer.status_code != 503:
            self.errors.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        self.answers += answer.status_code < 300
        return answer.status_code < 300

    def _send(self, user: str, dice: random.Random) -> None:
        number = 0
        with httpx2.Client(timeout=20) as client:
            while not self._stop.is_set():
                ids = [f"{user} {number + n}" for n in range(dice.choice([1, 1, 5, 40]))]
                number += len(ids)
                self.sent.update(ids)
                events = [{"id": each, "kind": "view", "item": "sku-1", "user": user} for each in ids]
                while not self._stop.is_set():  # the same again until it is answered
                    if self._ask(client, "POST", "/v1/events", {"events": events}):
                        self.events += ids
                        break

    def _write(self, half: int, dice: random.Random) -> None:
        ids = [item_id for item_id in self.truth if int(item_id.removeprefix("sku-")) % 2 == half]
        with httpx2.Client(timeout=20) as client:
            while not self._stop.is_set():
                item_id = dice.choice(ids)
                now, path = self.truth[item_id], f"/v1/items/{item_id}"
                price = float(dice.randrange(1, 10**6))
                request: tuple
                if now is None or dice.random() < 0.2:
                    after: State = (title_of(dice.randrange(10**6)), price)
                    request = "PUT", f"{path}?replace=true", {"title": after[0], "price": price}
                elif dice.random() < 0.1:
                    after, request = None, ("DELETE", path)
                else:
                    after, request = (now[0], price), ("PATCH", path, {"price": price})
                self.possible[item_id] = after
                self.past[item_id].append(after)
                while not self._ask(client, *request):
                    if self._stop.is_set():
                        return
                self.truth[item_id] = self.possible.pop(item_id)
