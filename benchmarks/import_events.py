"""How many events a second `vlclip import events` brings into a history, by format.

    python benchmarks/import_events.py --events 1000000
    python benchmarks/import_events.py --events 200000 --url redis://localhost:6379/0

Each log is made up: a unit has twenty events on average, in the order of time. It is imported into a new
history and then again, which adds nothing. Shown are the events a second by the clock and by the processor
time of the process, and the bytes an event takes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import polars as pl

from vlclip.ranking.history.history import BulkHistory
from vlclip.ranking.history.intake.importing import ImportPlan, ImportReport, import_events
from vlclip.ranking.history.sqlite import SqliteHistory

ITEMS, FIRST = 40_000, 1_700_000_000
KINDS = ["view"] * 18 + ["cart", "purchase"]
Deed = tuple[int, str, int, int, str]


def deeds(count: int) -> Iterator[Deed]:
    """Moment, kind, user, item and session of so many events."""
    random = Random(0)
    for n in range(count):
        user = random.randrange(max(count // 20, 1))
        yield FIRST + n, random.choice(KINDS), user, random.randrange(ITEMS), f"{user:x}-{n // 50_000:04x}"


def write_rees46(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write(
            "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
        )
        for moment, kind, user, item, session in deeds(count):
            file.write(
                f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC,{kind},{item},205301355,"
                f"electronics.smartphone,apple,{item % 500}.99,{user},{session}\n"
            )


def write_retailrocket(path: Path, count: int) -> None:
    names = {"view": "view", "cart": "addtocart", "purchase": "transaction"}
    with path.open("w") as file:
        file.write("timestamp,visitorid,event,itemid,transactionid\n")
        for moment, kind, user, item, _ in deeds(count):
            file.write(f"{moment * 1000},{user},{names[kind]},{item},\n")


def write_ga4(path: Path, count: int) -> None:
    names = {"view": "view_item", "cart": "add_to_cart", "purchase": "purchase"}
    with path.open("w") as file:
        for moment, kind, user, item, _ in deeds(count):
            row = {
                "event_timestamp": str(moment * 10**6), "event_name": names[kind],
                "user_pseudo_id": f"{user}.1",
                "items": [{"item_id": str(item), "item_name": "a chair", "price": 9.5, "quantity": 1}],
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")


def write_parquet(path: Path, count: int) -> None:
    columns = ["time", "event", "user", "item", "session"]
    pl.DataFrame(list(deeds(count)), schema=columns, orient="row").write_parquet(path)


LOGS: dict[str, Callable[[Path, int], None]] = {
    "rees46.csv": write_rees46, "retailrocket.csv": write_retailrocket, "ga4.jsonl": write_ga4,
    "plain.parquet": write_parquet,
}  # fmt: skip


def timed(path: Path, history: BulkHistory) -> tuple[ImportReport, float, float]:
    """The report of an import, and its seconds by the clock and of the processor."""
    began, processor = time.perf_counter(), time.process_time()
    report = import_events(ImportPlan(source=path), history)
    return report, time.perf_counter() - began, time.process_time() - processor


def history_of(url: str, folder: Path, name: str) -> BulkHistory:
    if not url:
        return SqliteHistory(folder / f"{name}.sqlite")
    from vlclip.ranking.history.redis import RedisHistory  # noqa: PLC0415 - an extra

    return RedisHistory(url, f"bench-{os.getpid()}-{name}:")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--url", default="", help="a Redis server instead of SQLite files")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{args.events:,} events a log, {os.cpu_count()} cores, load {load:.1f}\n")
    print("| log | events/s | by processor time | again | bytes an event |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for log, write in LOGS.items():
            write(folder / log, args.events)
            with closing(history_of(args.url, folder, log)) as history:
                report, clock, processor = timed(folder / log, history)
                assert report.added == report.rows == args.events
                again, second, _ = timed(folder / log, history)
                assert again.added == 0
            size = sum(file.stat().st_size for file in folder.glob(f"{log}.sqlite*")) / args.events
            print(
                f"| {log} | {args.events / clock:,.0f} | {args.events / processor:,.0f} "
                f"| {args.events / second:,.0f} | {size:,.0f} |"
            )


if __name__ == "__main__":
    main()
