"""Events in Redis or Valkey: a store for many processes and machines.

    PREFIX event:NAME     one event as JSON, until its retention ends
    PREFIX unit:UNIT      sorted set by time: the order of arrival (13 hex digits) and the name
    PREFIX request:ID     the same, of the events that came of one list
    PREFIX units          sorted set: every unit by the time of its latest event
    PREFIX seq            the number of events ever added
    PREFIX clock          the time that retention goes by (`clock.py`)

The name of an event is a hash of its unit, kind and id. Events of version 1 are named by their ids and say no
id; they are read, and known again, until they end.

Scripts on the server (`redis_scripts.py`) do the writing, so a batch is added as a whole and an id once,
whoever else writes. The scripts build the names of keys themselves. On a cluster, put braces around the
prefix (`{vlclip}:`), which keeps all keys on one node.

Laws: those of `ranking/history/history.py`; and, in tests/ranking/history/test_redis.py:
- with a retention, every key except `units`, `seq` and `clock` expires;
- events of version 1 are read and known again;
- a server that is down, full or refuses raises a `HistoryError` without the password in it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import orjson

from vlclip.ranking.history.batch import EventBatch
from vlclip.ranking.history.clock import KeptByClock, RetentionClock
from vlclip.ranking.history.event_kinds import Kind
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.history import Added
from vlclip.ranking.history.redis_connection import address_of, connect, redis_errors
from vlclip.ranking.history.redis_events import fields_of, read_event
from vlclip.ranking.history.redis_scripts import ADD, REMOVE
from vlclip.ranking.settings import DAY_S

BATCH = 500
"""How many units, or events, are read at a time."""
_SEQ = 13
_T = TypeVar("_T")


class RedisHistory(KeptByClock):
    """Safe to use from several threads and processes. Redis 6.2 or later, or Valkey.

    `url` is `redis://`, `rediss://` (TLS) or `unix://`. With `retention_days` 0, events are kept for ever.
    A request that takes longer than `timeout_s` is tried once more.
    """

    def __init__(
        self,
        url: str,
        prefix: str = "vlclip:",
        *,
        retention_days: float = 0,
        timeout_s: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._address = address_of(url)
        self._prefix, self._retention_days = prefix, retention_days
        self._retention = RetentionClock(retention_days, clock, self)
        self._redis = connect(url, timeout_s)
        self._add, self._remove = self._redis.register_script(ADD), self._redis.register_script(REMOVE)
        try:
            with self._errors():
                self._redis.ping()
        except BaseException:
            self.close()
            raise

    @property
    def largest_batch(self) -> int:
        """The server answers nobody else for some 20 ms meanwhile."""
        return 1000

    def add(self, events: Sequence[Event]) -> int:
        """Add the events, all or none, in one script; the number of new ones.

        The server does nothing else meanwhile, so send thousands of events in several batches.
        """
        return self.add_groups([events])[0].new

    def add_groups(self, groups: Sequence[Sequence[Event]]) -> list[Added]:
        """Add the events of several senders in one script; the server has taken them once this returns."""
        oldest = self._retention.oldest
        young = [[event for event in group if event.time >= oldest] for group in groups]
        fields = [field for group in young for event in group for field in fields_of(event)]
        new = ""
        if fields:
            keep_ms = round(self._retention_days * DAY_S * 1000)
            arguments = [self._prefix, keep_ms, repr(oldest), *fields]
            with self._errors():
                new = self._add(args=arguments).decode()
        outcomes, start = [], 0
        for group, part in zip(groups, young, strict=True):
            count = new.count("1", start, start + len(part))
            start += len(part)
            outcomes.append(Added(new=count, repeated=len(part) - count, old=len(group) - len(part)))
        return outcomes

    def add_batch(self, batch: EventBatch) -> int:
        """The same for many events as columns."""
        return self.add(list(batch.events()))

    def recent(self, unit: str, limit: int, *, before: float | None = None) -> list[Event]:
        """The `limit` newest events of a unit before the time `before`, newest first."""
        with self._errors():
            members = self._redis.zrange(
                f"{self._prefix}unit:{unit}",
                _end(before),
                "-inf",
                desc=True,
                byscore=True,
                offset=0,
                num=max(limit, 0),
            )
            return self._events(members)

    def popular(
        self, kinds: Mapping[Kind, float], limit: int, *, since: float = 0.0, before: float | None = None
    ) -> dict[str, float]:
        """The items with the largest sums of weights by kind. Reads every event of that time."""
        counts: Counter[tuple[str, str]] = Counter()
        with self._errors():
            units = self._redis.zrange(f"{self._prefix}units", repr(float(since)), "+inf", byscore=True)
            for part in _parts(units):
                for members in self._members("unit:", part, repr(float(since)), _end(before)):
                    for body in self._bodies(members):
                        if body is not None:
                            kind, item, *_ = orjson.loads(body)
                            counts[item, kind] += 1
        sums = {
            item: sum((float(weight) * counts[item, kind] for kind, weight in kinds.items()), 0.0)
            for item in {item for item, _ in counts}
        }
        ranked = sorted((-total, item) for item, total in sums.items() if total > 0)
        return {item: -total for total, item in ranked[: max(limit, 0)]}

    def sequences(self, *, before: float | None = None) -> Iterator[tuple[str, list[Event]]]:
        """Every unit with its events, oldest first; the names of all units are in memory at once."""
        with self._errors():
            units = self._redis.zrange(f"{self._prefix}units", 0, -1)
        for part in _parts(units):
            with self._errors():
                sequences = [
                    self._events(members) for members in self._members("unit:", part, "-inf", _end(before))
                ]
            yield from (
                (unit.decode(), events) for unit, events in zip(part, sequences, strict=True) if events
            )

    def units(self) -> Iterator[str]:
        """Every unit, in the order of names; all names are in memory at once."""
        oldest = repr(self._retention.oldest)
        with self._errors():
            units = self._redis.zrange(f"{self._prefix}units", oldest, "+inf", byscore=True)
        yield from sorted(unit.decode() for unit in units)

    def clicked(self, request_ids: Sequence[str]) -> dict[str, list[Event]]:
        """The events that came of these lists, by request id, oldest first."""
        by_request: dict[str, list[Event]] = {}
        with self._errors():
            for part in _parts(request_ids):
                lists = self._members(
                    "request:", [request_id.encode() for request_id in part], "-inf", "+inf"
                )
                by_request |= {
                    request_id: self._events(members) for request_id, members in zip(part, lists, strict=True)
                }
        return {request_id: events for request_id, events in by_request.items() if events}

    def forget(self, unit: str) -> int:
        """Remove every event of a unit; the number of events removed."""
        with self._errors():
            return int(self._remove(args=[self._prefix, unit, "-inf", "+inf"]))

    def expire(self, before: float) -> int:
        """Remove the events before this time; the number of events removed. Reads every unit."""
        return self._remove_all("-inf", _end(before))

    def remove_after(self, time: float) -> int:
        """Remove the events after this time, in the same way."""
        return self._remove_all(f"({time!r}", "+inf")

    def _remove_all(self, first: str, last: str) -> int:
        removed = 0
        with self._errors():
            for part in _parts(self._redis.zrange(f"{self._prefix}units", 0, -1)):
                pipe = self._redis.pipeline(transaction=False)
                for unit in part:
                    self._remove(args=[self._prefix, unit, first, last], client=pipe)
                removed += sum(pipe.execute())
        return removed

    def load(self) -> float | None:
        """The time that retention goes by (`clock.Keeping`)."""
        with self._errors():
            trusted = self._redis.get(f"{self._prefix}clock")
        return None if trusted is None else float(trusted)

    def newest(self, before: float) -> float | None:
        """The time of the latest unit that is not after `before`, near enough to the newest event."""
        with self._errors():
            units = self._redis.zrange(
                f"{self._prefix}units", before, "-inf", desc=True, byscore=True, offset=0, num=1,
                withscores=True,
            )  # fmt: skip
        return float(units[0][1]) if units else None

    def save(self, trusted: float) -> None:
        """Keep the time that retention goes by."""
        with self._errors():
            self._redis.set(f"{self._prefix}clock", repr(trusted))

    def count(self) -> int:
        """The number of events. Reads every unit."""
        return self._count(repr(self._retention.oldest))

    def count_after(self, time: float) -> int:
        """The number of events after this time. Reads every unit with such an event."""
        return self._count(f"({time!r}")

    def _count(self, first: str) -> int:
        total = 0
        with self._errors():
            for part in _parts(self._redis.zrange(f"{self._prefix}units", first, "+inf", byscore=True)):
                pipe = self._redis.pipeline(transaction=False)
                for unit in part:
                    pipe.zcount(self._prefix.encode() + b"unit:" + unit, first, "+inf")
                total += sum(pipe.execute())
        return total

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        self._redis.close()

    def _members(self, kind: str, names: Sequence[bytes], first: str, last: str) -> list[list[bytes]]:
        """The members of the sorted set of each unit or list within that time, oldest first."""
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.zrange(f"{self._prefix}{kind}".encode() + name, first, last, byscore=True)
        return list(pipe.execute())

    def _bodies(self, members: Sequence[bytes]) -> Iterator[bytes | None]:
        start = f"{self._prefix}event:".encode()
        for part in _parts(members):
            yield from self._redis.mget([start + member[_SEQ:] for member in part])

    def _events(self, members: Sequence[bytes]) -> list[Event]:
        """The events that still exist: an event expires before the set that names it is cleaned up."""
        pairs = zip(members, self._bodies(members), strict=True)
        return [read_event(member[_SEQ:], body) for member, body in pairs if body is not None]

    def _errors(self) -> AbstractContextManager[None]:
        return redis_errors(self._address)


def _end(before: float | None) -> str:
    return "+inf" if before is None else f"({float(before)!r}"


def _parts(names: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
