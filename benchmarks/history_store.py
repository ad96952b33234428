"""How fast a history takes events and gives a shopper's newest ones back.

    python benchmarks/history_store.py --events 1000000 --units 50000
    python benchmarks/history_store.py --url redis://localhost:6379/0 --events 200000

Drawn events, seeded: units equally often, items by a power law, three in ten from a list, times over
thirty days. They are added in batches of 100, as a service under load writes them, then random units are
asked for their 100 newest. The file is made in `--folder` and removed; on a server, keys under a prefix of
their own are made and removed, and the memory is what the server says it uses more than before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from redis import Redis

from vlclip.ranking.history.event_kinds import Kind, default_weights
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import History
from vlclip.ranking.history.redis import RedisHistory
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.settings import DAY_S

START, SPAN_S = 1_700_000_000.0, 30 * DAY_S
KINDS: dict[Kind, int] = {"view": 70, "click": 20, "cart": 6, "purchase": 3, "dislike": 1}
WEIGHTS = default_weights()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="", help="a Redis or Valkey server; unset: a SQLite file")
    parser.add_argument("--folder", type=Path, help="where the file is made; unset: the temporary folder")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--units", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--asked", type=int, default=5_000, help="units whose newest events are asked for")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.url:
        server = Redis.from_url(args.url)
        before = server.info("memory")["used_memory"]
        prefix = f"benchmark-{uuid.uuid4().hex[:8]}:"
        history = RedisHistory(args.url, prefix)
        try:
            figures = measure(history, args)
            figures["mb"] = (server.info("memory")["used_memory"] - before) / 1e6
        finally:
            history.expire(START + SPAN_S + 1)
            server.delete(f"{prefix}seq")
    else:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            file = Path(folder) / "history.sqlite"
            history = SqliteHistory(file)
            figures = measure(history, args)
            history.close()
            figures["mb"] = file.stat().st_size / 1e6
    figures["bytes_per_event"] = figures["mb"] * 1e6 / args.events
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=1))


def measure(history: History, args: argparse.Namespace) -> dict[str, float]:
    """Seconds and rates; of what is done often, medians and 99th percentiles."""
    dice = Random(args.seed)
    drawn = draw(dice, args)
    adding = [timed(history.add, batch) for batch in batches(drawn, args.events, args.batch)]
    units = [f"user:{dice.randrange(args.units):08d}" for _ in range(args.asked)]
    asking = [timed(history.recent, unit, 100) for unit in units]
    return {
        "added_per_s": args.events / sum(adding),
        "added_per_s_median_batch": args.batch / statistics.median(adding),
        "batch_p50_ms": 1e3 * statistics.median(adding),
        "batch_p99_ms": 1e3 * percentile(adding, 99),
        "recent_p50_ms": 1e3 * statistics.median(asking),
        "recent_p99_ms": 1e3 * percentile(asking, 99),
        "popular_all_s": timed(history.popular, WEIGHTS, 100),
        "popular_last_day_s": timed(history.popular, WEIGHTS, 100, since=START + SPAN_S - DAY_S),
        "sequences_s": timed(lambda: sum(len(events) for _, events in history.sequences())),
        "count_s": timed(history.count),
        "forget_p50_ms": 1e3 * statistics.median(timed(history.forget, unit) for unit in units[:50]),
    }


def draw(dice: Random, args: argparse.Namespace) -> Iterator[Event]:
    """Events in the order of their times."""
    kinds, weights = list(KINDS), list(KINDS.values())
    for n in range(args.events):
        yield Event(
            id=f"{dice.getrandbits(128):032x}",
            kind=dice.choices(kinds, weights)[0],
            item=f"item-{int(dice.paretovariate(0.7)) % args.items}",
            time=round(START + SPAN_S * n / args.events, 3),
            user=f"{dice.randrange(args.units):08d}",
            session=f"{dice.getrandbits(48):012x}",
            request_id=f"{dice.getrandbits(64):016x}" if dice.random() < 0.3 else "",
        )


def batches(drawn: Iterator[Event], events: int, size: int) -> Iterator[list[Event]]:
    for start in range(0, events, size):
        yield [next(drawn) for _ in range(min(size, events - start))]


def timed(call: Callable[..., object], *args: object, **options: object) -> float:
    began = time.perf_counter()
    call(*args, **options)
    return time.perf_counter() - began


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    main()
