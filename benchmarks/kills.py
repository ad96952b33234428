"""The processes of a shop, killed with SIGKILL at random moments: what is lost, and what is there twice.

    python benchmarks/kills.py --kills 1000

One embedded store, in turn ingested into (with pruning), reindexed with another encoder, served over HTTP
to clients that patch, write and remove items and send events, backed up while it is served, and restored.
Each time the process that does it is killed, at a moment drawn over the time that it takes. Then a fresh
process opens the store, and everything is compared with what had been answered or finished before:

- an item is as it was last answered, or as the one request under way would make it; else it is *lost*;
- an event that was answered is there; else it is lost; no event or item is there *twice*;
- an item whose checksums or vector do not fit it is *damaged*;
- a backup is there whole or not at all, and holds what was answered before it began; a restored store is one
  of two, whole.

The store, the history and the service are real; vectors are made of words, without a model, and processes
are forked from one that has imported everything. Ends with status 1 if anything was lost, there twice, or
damaged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy

import httpx2
import numpy as np
import uvicorn

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import collections, drop, open_store, shelf
from vlclip.engine.space import Floats, FusedSpace, Segment
from vlclip.engine.store.store import StoreInfo
from vlclip.ingestion.pipeline import destination
from vlclip.ingestion.pipeline.ingest import ingest_catalogue
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.service.api.app import create_app
from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import take_backup
from vlclip.service.commands.reindex import reindex
from vlclip.service.settings import Settings
from vlclip.service.shop.shop import Shop

ITEMS, SENDERS = 40, 3
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


class Process:
    """A forked process that does `work`; what it returns can be read once it has ended."""

    def __init__(self, work: Callable[[], Any], *, waits: bool = False) -> None:
        self._read, write = os.pipe()
        starts, self._let = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self._let)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                if waits and not os.read(starts, 1):
                    os._exit(0)
                with os.fdopen(write, "w") as answer:
                    answer.write(json.dumps(work()))
                status = 0
            except BaseException:  # noqa: BLE001 - told by its status
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        os.close(write)
        os.close(starts)

    def let(self) -> None:
        """Begin."""
        os.write(self._let, b"x")

    def kill(self) -> bool:
        """Whether it was still at work when it was killed."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Its status; minus the signal that ended it."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._let)
        return os.waitstatus_to_exitcode(status)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ended by itself so soon; its status is still to be asked for."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return True
            time.sleep(0.001)
        return False

    def answer(self) -> Any:
        """What the work gave; the process has to end well."""
        with os.fdopen(self._read) as read:
            content = read.read()
        if self.wait() != 0:
            raise RuntimeError("a process that was not killed failed; its message is above")
        return json.loads(content)

    def forget(self) -> None:
        """Nobody reads its answer."""
        os.close(self._read)


def within(work: Callable[[], Any]) -> Any:
    """The result of `work` in a process of its own."""
    return Process(work).answer()


def inspect(store: str, units: Iterable[str]) -> dict[str, Any]:
    """What a store holds."""
    settings = settings_of(store)
    items: dict[str, list] = {}
    doubled = damaged = 0
    with closing(open_store(store, settings)) as opened:
        fingerprint = opened.info.fingerprint
        for page in opened.scan(with_vector=True):
            for record in page:
                doubled += record.id in items
                items[record.id] = [record.payload["title"], record.payload["price"]]
                expected = direction(fingerprint, record.payload["title"])
                expected /= np.linalg.norm(expected)
                damaged += record.vector is None or float(record.vector[4:] @ expected) < 0.999
        doubled += opened.count() - len(items)
        damaged += sum(verdict.is_damaged for page in opened.examine() for verdict in page)
    events = Counter()
    with closing(SqliteHistory(Path(store) / "records" / "history.sqlite")) as history:
        for unit in units:
            events.update(event.id for event in history.recent(unit, 10**6))
    return {
        "items": items,
        "doubled": doubled,
        "damaged": damaged,
        "events": events,
        "fingerprint": fingerprint,
    }


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


class Chaos:
    """The rounds; `truth` is what the store has to hold."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._dice = folder, random.Random(seed)
        self.store = str(folder / "store")
        self._catalogue = folder / "catalogue.jsonl"
        self.truth: dict[str, State] = {f"sku-{n}": (title_of(n), float(n)) for n in range(ITEMS)}
        self._write_catalogue(self.truth)
        use_words("aaaa")
        within(lambda: ingest(self.store, self._catalogue))
        self._fingerprint = "aaaa"
        self._durations: dict[str, float] = defaultdict(lambda: 0.5)
        self._round = 0
        self.kills: Counter[str] = Counter()
        self.figures: Counter[str] = Counter()

    def _write_catalogue(self, items: dict[str, State]) -> None:
        rows = [{"id": key, "title": state[0], "price": state[1]} for key, state in items.items() if state]
        self._catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def step(self) -> None:
        """One round of a kind drawn at random."""
        self._round += 1
        kinds = (self._ingest, self._reindex, self._serve, self._backup, self._restore)
        (kind,) = self._dice.choices(kinds, (3, 2, 4, 2, 1))
        kind()

    def _run(self, name: str, work: Callable[[], Any]) -> bool:
        """Whether `work` was killed, at a moment of the time that it takes, before it was done."""
        process, began = Process(work), time.monotonic()
        if process.ends_within(self._dice.uniform(0.0, 1.1) * self._durations[name]):
            self._durations[name] += 0.2 * (time.monotonic() - began - self._durations[name])
            process.answer()
            return False
        was_killed = process.kill()
        process.forget()
        self._durations[name] *= 1.02  # or one that grew longer would never be killed at its end
        self.kills[name] += was_killed
        return was_killed

    def _check(
        self, possible: dict[str, State], *, shoppers: Shoppers | None = None, store: str = ""
    ) -> dict:
        units = shoppers.units if shoppers else []
        place = store or self.store
        there = within(lambda: inspect(place, units))
        states = {key: tuple(value) for key, value in there["items"].items()}
        wrong = [
            f"{key} is {states.get(key)}, not {self.truth.get(key)} or {possible.get(key, 'nothing else')}"
            for key in {*self.truth, *possible, *states}
            if states.get(key) not in (self.truth.get(key), possible.get(key, self.truth.get(key)))
        ]
        self.figures["items compared"] += len({*self.truth, *states})
        self.figures["lost"] += len(wrong)
        self.figures["doubled"] += there["doubled"]
        self.figures["damaged"] += there["damaged"]
        if shoppers:
            events = Counter(there["events"])
            lost = [event for event in shoppers.events if event not in events]
            self.figures["events answered"] += len(shoppers.events)
            self.figures["lost"] += len(lost)
            self.figures["doubled"] += sum(events.values()) - len(events) + len(events.keys() - shoppers.sent)
            wrong += lost + shoppers.errors
            self.figures["refused"] += len(shoppers.errors)
        for line in wrong[:5]:
            print(f"round {self._round}: {line}", file=sys.stderr)
        return {**there, "states": states}

    def _adopt(self, there: dict) -> None:
        """What is found is true from now on."""
        self.truth = {key: there["states"].get(key) for key in {*self.truth, *there["states"]}}
        self._fingerprint = there["fingerprint"][:4]
        use_words(self._fingerprint)

    def _ingest(self) -> None:
        dice, after = self._dice, dict(self.truth)
        for key in dice.sample(sorted(after), len(after) // 2):
            state = after[key]
            title = title_of(dice.randrange(10**6)) if state is None or dice.random() < 0.7 else state[0]
            after[key] = None if dice.random() < 0.1 else (title, float(dice.randrange(10**6)))
        self._write_catalogue(after)
        if not self._run("ingestion", lambda: ingest(self.store, self._catalogue)):
            self.truth = after
        self._adopt(self._check(after))

    def _reindex(self) -> None:
        self._write_catalogue(self.truth)
        other = "bbbb" if self._fingerprint == "aaaa" else "aaaa"
        is_killed = self._run("reindex", lambda: reindexed(self.store, self._catalogue, other))
        there = self._check({})
        self.figures["lost"] += not is_killed and not there["fingerprint"].startswith(other)
        self._adopt(there)

    def _serve(self) -> None:
        shoppers, server = self._shoppers()
        shoppers.start()
        if self._dice.random() < 0.3:  # while it starts
            time.sleep(self._dice.uniform(0, 0.5))
        else:
            wait_for(lambda: shoppers.answers > 0)
            time.sleep(self._dice.uniform(0, 0.4))
        self.kills["service"] += server.kill()
        server.forget()
        shoppers.stop()
        self._adopt(self._check(shoppers.possible, shoppers=shoppers))

    def _shoppers(self) -> tuple[Shoppers, Process]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        shoppers = Shoppers(port, self.truth, f"round {self._round}", self._dice.randrange(10**9))
        return shoppers, Process(lambda: serve(self.store, port))

    def _backup(self) -> None:
        target = self._folder / "backup.tar"
        taking = Process(lambda: take_backup(settings_of(self.store), target) and None, waits=True)
        shoppers, server = self._shoppers()
        shoppers.start()
        wait_for(lambda: shoppers.answers > 20)
        answered, first = list(shoppers.events), {key: len(past) - 1 for key, past in shoppers.past.items()}
        for key in list(shoppers.possible):
            first[key] = max(0, first[key] - 1)
        taking.let()
        began = time.monotonic()
        if not taking.ends_within(self._dice.uniform(0, 1.1) * self._durations["backup"]):
            self._durations["backup"] *= 1.02
            self.kills["backup"] += taking.kill()
            taking.forget()
        else:
            self._durations["backup"] += 0.2 * (time.monotonic() - began - self._durations["backup"])
            taking.answer()
        self.kills["service"] += server.kill()
        server.forget()
        shoppers.stop()
        self._adopt(self._check(shoppers.possible, shoppers=shoppers))
        if target.exists():
            place = str(self._folder / "restored")
            within(lambda: restore_backup(target, settings_of(place)) and None)
            there = within(lambda: inspect(place, shoppers.units))
            states = {key: tuple(state) for key, state in there["items"].items()}
            events = Counter(there["events"])
            self.figures["backups restored"] += 1
            self.figures["lost"] += sum(event not in events for event in answered)
            self.figures["lost"] += sum(
                states.get(key) not in past[first[key] :] for key, past in shoppers.past.items()
            )
            self.figures["doubled"] += there["doubled"] + sum(events.values()) - len(events)
            self.figures["damaged"] += there["damaged"]
            shutil.rmtree(place)
            target.unlink()

    def _restore(self) -> None:
        """A backup replaces another store; one of the two is there, and it can be restored again."""
        place, backup = str(self._folder / "restored"), self._folder / "backup.tar"
        settings, former = settings_of(place), {**self.truth, "sku-0": (title_of(7), 7.0)}
        within(lambda: take_backup(settings_of(self.store), backup) and None)
        within(lambda: restore_backup(backup, settings) and None)
        self._write_catalogue(former)
        within(lambda: ingest(place, self._catalogue))
        self._run("restore", lambda: restore_backup(backup, settings, replace=True) and None)
        if within(lambda: is_store(place)):
            self._check(former, store=place)
        within(lambda: restore_backup(backup, settings, replace=True) and None)
        self._check({}, store=place)
        shutil.rmtree(place)
        backup.unlink()


def is_store(store: str) -> bool:
    with suppress(Exception), closing(shelf(store, settings_of(store))) as place:
        return place.current() is not None
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("the service did not answer within a minute")
        time.sleep(0.002)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), args.seed)
        while chaos.kills.total() < args.kills and time.monotonic() - began < args.seconds:
            chaos.step()
    print("| killed | times |\n|---|---|")
    for name, count in sorted(chaos.kills.items()):
        print(f"| {name} | {count:,} |")
    print(f"\n{chaos.kills.total():,} kills in {time.monotonic() - began:,.0f} s")
    figures = {**dict.fromkeys(("lost", "doubled", "damaged", "refused"), 0), **chaos.figures}
    for name, count in figures.items():
        print(f"{name}: {count:,}")
    sys.exit(any(figures[name] for name in ("lost", "doubled", "damaged", "refused")))


if __name__ == "__main__":
    main()
