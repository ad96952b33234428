"""A reindex that ends at each of its steps in turn, and at random moments, as a killed process does.

    python -m tests.service.killed_reindex FOLDER

A step is a name that changes, a file opened for writing, a call that writes to a shard, or a statement of
SQLite. Of a store whose catalogue has lost an item since, a reindex with another encoder is killed, at random
moments beside what an earlier reindex left. Then the former collection or the new one is current and whole.
Two hours later the reindex is done again, and the store is as if it had never been killed. Prints what was
wrong, and how many kills there were, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import qdrant_edge

from tests.service.killed_steps import copy_store
from tests.service.killing import is_killed, is_killed_after, within
from vlclip.engine.opening.stores import promote, shelf
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.service.commands.reindex import reindex

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "kills"))
from judge import inspect
from shop import ingest, settings_of, title_of, use_words

ITEMS, MOMENTS = 12, 12
FORMER, NEW = "a" * 16, "b" * 16
"""Fingerprints."""
COLLECTIONS = {f"collection-{fingerprint[:8]}" for fingerprint in (FORMER, NEW)}
HIDDEN = re.compile(r"\.(making|before|repairing|replaced|restoring).*|.*\.part")
"""Names of what only a killed process leaves."""
EACH, AGAIN = 4, 6
"""Of so many statements of SQLite one is a step, and after so many kills the reindex is done again."""
NAMES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


def watch(meet: Callable[[], None]) -> None:
    """Call `meet` before each step of this process, in whichever thread."""
    statements = [0]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in NAMES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            meet()

    def look(_: Any, event: str, function: Any) -> None:
        if event != "c_call":
            return
        owner = getattr(function, "__self__", None)
        if isinstance(owner, qdrant_edge.EdgeShard) and function.__name__ in ("update", "flush", "optimize"):
            meet()
        elif isinstance(owner, sqlite3.Connection | sqlite3.Cursor):
            statements[0] += 1
            if statements[0] % EACH == 0:
                meet()

    sys.addaudithook(hear)
    threading.setprofile(look)
    sys.setprofile(look)


def killed_everywhere(folder: Path) -> Iterator[str]:
    """What is wrong after each kill, "" where nothing is."""
    store, original, again, catalogue = (
        folder / name for name in ("store", "original", "again", "catalogue.jsonl")
    )
    former = {f"sku-{n}": [title_of(n), float(n)] for n in range(ITEMS)}
    after = {key: state for key, state in former.items() if key != "sku-3"}
    write_catalogue(catalogue, former)
    use_words("aaaa")
    within(lambda: ingest(str(original), catalogue))

    def act() -> None:
        use_words("bbbb")
        reindex(str(catalogue), store=str(store), refine="off", device="cpu", force=True, json=True)

    copy_store(original, store)
    began = time.monotonic()
    within(act)
    duration = time.monotonic() - began
    within(lambda: promote(str(store), settings_of(str(store)), FORMER))
    copy_store(store, again)
    write_catalogue(catalogue, after)
    dice = random.Random(5)
    kills: list[tuple[str, Callable[[], bool]]] = [
        *((f"step {step}", lambda step=step: is_killed(act, step, watch)) for step in range(1, 1000)),
        *(
            (f"after {moment:.3f} s", lambda moment=moment: is_killed_after(act, moment))
            for moment in (dice.uniform(0, 1.1) * duration for _ in range(MOMENTS))
        ),
    ]
    all_steps_done = False
    for number, (name, kill) in enumerate(kills):
        if all_steps_done and name.startswith("step"):
            continue
        shutil.rmtree(store)
        copy_store(original if name.startswith("step") else again, store)
        if not kill():
            all_steps_done |= name.startswith("step")
        there = within(lambda: inspect(str(store), []))
        is_new = there["fingerprint"] == NEW
        if there["items"] != (after if is_new else former) or there["doubled"] or there["damaged"]:
            yield f"{name}: of the {'new' if is_new else 'former'} collection is there {there}"
        yield ""
        if number % AGAIN:
            continue
        hours_pass(store)
        within(act)
        there = within(lambda: inspect(str(store), []))
        if there | {"events": None} != {
            "items": after, "doubled": 0, "damaged": 0, "events": None, "fingerprint": NEW
        }:  # fmt: skip
            yield f"{name}: done again, there is {there}"
        if left := within(lambda: left_in(store)):
            yield f"{name}: done again, {left} are left"


def write_catalogue(catalogue: Path, items: dict[str, list]) -> None:
    rows = [{"id": key, "title": title, "price": price} for key, (title, price) in items.items()]
    catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows))


def left_in(store: Path) -> list[str]:
    """Half collections, drafts, and runs that seem to be under way."""
    settings = settings_of(str(store))
    with closing(shelf(str(store), settings)) as place:
        left = [name for name in place.names() if name not in COLLECTIONS]
    left += [str(path) for path in store.rglob(".*") if HIDDEN.fullmatch(path.name)]
    with closing(Ledger(ledger_path(settings))) as ledger:
        return left + [f"run {run.run}" for run in ledger.runs(1000) if run.status == "running"]


def hours_pass(store: Path) -> None:
    before = time.time() - 7200
    for path in store.rglob(".*"):
        os.utime(path, (before, before))
        for each in path.rglob("*"):
            os.utime(each, (before, before))


def main() -> None:
    output, sys.stdout = sys.stdout, sys.stderr
    verdicts = list(killed_everywhere(Path(sys.argv[1])))
    wrong = [verdict for verdict in verdicts if verdict]
    output.write(json.dumps({"steps": verdicts.count(""), "wrong": wrong}) + "\n")


if __name__ == "__main__":
    main()
