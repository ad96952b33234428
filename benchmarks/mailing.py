"""How many users a second get a list from `vlclip export recommendations`.

    python -m benchmarks.mailing --users 400 --items 5000

A store of `--items` items with random vectors is made in a temporary folder, and a history in which each user
has viewed twenty items. All their lists, of `--limit` items each, are written to JSON lines.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random

from benchmarks.patches import fill
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.lists.answer import Page
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.lists.mailing import make_lists, users_of
from vlclip.ranking.lists.mailing_file import write_mailing
from vlclip.ranking.lists.recommender import Recommender
from vlclip.service.settings import Settings

EVENTS = 20
"""Of each user."""


def act(history: SqliteHistory, users: int, ids: list[str]) -> None:
    """Each user views items by chance."""
    random, now = Random(0), time.time()
    for user in range(users):
        history.add([
            Event(id=f"{user}-{n}", kind="view", item=random.choice(ids), user=f"u{user}", time=now - 60 * n)
            for n in range(1, EVENTS + 1)
        ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--limit", type=int, default=6)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(str(folder / "store"), args.items)
        settings = Settings.load(store=str(folder / "store"), device="cpu")
        with (
            closing(open_store(settings.store, settings)) as store,
            closing(SqliteHistory(folder / "history.sqlite")) as history,
        ):
            act(history, args.users, store.ids(None, args.items)[0])
            recommender = Recommender(store, Encoders(settings, store.info).load, settings.search, history)
            began, processor = time.perf_counter(), time.process_time()
            lists = make_lists(
                list(users_of(history)), recommender, history,
                arm=Arm(), page=Page(limit=args.limit), weights={},
            )  # fmt: skip
            size = write_mailing(folder / "lists.jsonl", lists, is_flat=False, photo_base="")
            clock, processor = time.perf_counter() - began, time.process_time() - processor
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; {args.items:,} items, {EVENTS} events a user")
    print(f"{size.users:,} users, {size.items:,} items; {size.fallbacks:,} without a history")
    print(f"{size.users / clock:,.0f} users/s, {size.users / processor:,.0f} by processor time")


if __name__ == "__main__":
    main()
