"""The processes of a shop, killed with SIGKILL at random moments: what is lost, and what is there twice.

    python benchmarks/kills --kills 1000

One embedded store, in turn ingested into (with pruning), reindexed with another encoder, served over HTTP
to clients that patch, write and remove items and send events, backed up while it is served, and restored.
Each time the process that does it is killed, at a moment drawn over the time that it takes. Then a fresh
process opens the store, and everything is compared with what had been answered or finished before:

- an item is as it was last answered, or as the one request under way would make it; else it is *lost*;
- an event that was answered is there; else it is lost; no event or item is there *twice*;
- an item whose checksums or vector do not fit it is *damaged*;
- a backup is there whole or not at all, and holds what was answered before it began; a restored store is one
  of two, whole.

Processes are forked from one that has imported everything. `shop.py` is what works on the store, `judge.py`
compares. Ends with status 1 if anything was lost, there twice, or damaged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy

from judge import LOST, Judge, inspect, states_of
from shop import Shoppers, State, ingest, is_store, reindexed, serve, settings_of, title_of, use_words

from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import take_backup

ITEMS = 40


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


class Rounds:
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
        self.judge = Judge()

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
    ) -> dict[str, Any]:
        units = shoppers.units if shoppers else []
        there = within(lambda: inspect(store or self.store, units))
        where = f"round {self._round}"
        self.judge.compare(there, self.truth, possible, where)
        if shoppers:
            self.judge.compare_events(there, shoppers, where)
        return there

    def _adopt(self, there: dict[str, Any]) -> None:
        """What is found is true from now on."""
        states = states_of(there)
        self.truth = {key: states.get(key) for key in {*self.truth, *states}}
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
        self.judge.figures[LOST] += not is_killed and not there["fingerprint"].startswith(other)
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
            pasts = {key: past[first[key] :] for key, past in shoppers.past.items()}
            self.judge.compare_backup(there, answered, pasts)
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
        rounds = Rounds(Path(folder), args.seed)
        while rounds.kills.total() < args.kills and time.monotonic() - began < args.seconds:
            rounds.step()
    print("| killed | times |\n|---|---|")
    for name, count in sorted(rounds.kills.items()):
        print(f"| {name} | {count:,} |")
    print(f"\n{rounds.kills.total():,} kills in {time.monotonic() - began:,.0f} s")
    for name, count in rounds.judge.figures.items():
        print(f"{name}: {count:,}")
    sys.exit(not rounds.judge.is_content)


if __name__ == "__main__":
    main()
