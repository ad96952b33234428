"""The laws of `ranking/history/group_commit.py`."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest

from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.group_commit import GroupCommit
from vlclip.ranking.history.history import Added
from vlclip.ranking.history.sqlite import SqliteHistory


def event(id, user="ann", **fields):
    return Event(id=str(id), kind="view", item="shoe", time=1.0, user=user, **fields)


class Gate:
    """A history that counts commits and waits before each until it is let through."""

    largest_batch = 100

    def __init__(self):
        self.history = SqliteHistory(None)
        self.commits, self.failure = [], None
        self.begun, self.free = threading.Semaphore(0), threading.Semaphore(0)

    def add_groups(self, groups):
        self.commits.append([[event.id for event in group] for group in groups])
        self.begun.release()
        assert self.free.acquire(timeout=60)
        if self.failure is not None:
            raise self.failure
        if any(event.id == "poison" for group in groups for event in group):
            raise ValueError("poison")
        return self.history.add_groups(groups)

    @property
    def clock_warning(self):
        return ""


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def writer(gate):
    opened = GroupCommit(gate, capacity=50, batch=10)
    yield opened
    for _ in range(100):
        gate.free.release()
    opened.close()


def test_what_comes_during_a_commit_shares_the_next_one_and_each_sender_gets_its_own_counts(gate, writer):
    first = writer.submit([event(1)])
    assert gate.begun.acquire(timeout=60)
    others = [writer.submit([event(n), event(1)]) for n in (2, 3)]
    assert not first.done()
    assert writer.waiting == 5
    gate.free.release()
    assert first.result(60) == Added(new=1)
    assert not any(future.done() for future in others)
    gate.free.release()
    assert [future.result(60) for future in others] == [Added(new=1, repeated=1)] * 2
    assert gate.commits == [[["1"]], [["2", "1"], ["3", "1"]]]
    assert writer.flush(60)
    assert (writer.written, writer.waiting, writer.failed) == (5, 0, 0)


def test_commits_have_at_most_so_many_events_but_a_group_stays_whole(gate, writer):
    first = writer.submit([event("first")])
    assert gate.begun.acquire(timeout=60)
    futures = [
        writer.submit([event(f"{n} {part}") for part in range(size)]) for n, size in enumerate((6, 5, 12))
    ]
    for _ in range(5):
        gate.free.release()
    assert [future.result(60).new for future in (first, *futures)] == [1, 6, 5, 12]
    assert [[len(group) for group in commit] for commit in gate.commits] == [[1], [6], [5], [12]]


def test_what_does_not_fit_is_refused_whole(gate, writer):
    taken_up = writer.submit([event(n) for n in range(30)])
    assert writer.submit([event(n) for n in range(21)]) is None
    last = writer.submit([event(f"more {n}") for n in range(20)])
    for _ in range(5):
        gate.free.release()
    assert taken_up.result(60).new + last.result(60).new == 50


def test_where_the_history_fails_every_sender_knows_and_may_send_again(gate, writer):
    gate.failure = HistoryError("the disk is full")
    first = writer.submit([event(1)])
    assert gate.begun.acquire(timeout=60)
    others = [writer.submit([event(n)]) for n in (2, 3)]
    gate.free.release()
    gate.free.release()
    for future in (first, *others):
        with pytest.raises(HistoryError, match="disk is full"):
            future.result(60)
    assert writer.flush(60)
    assert (writer.written, writer.failed) == (0, 3)
    gate.failure = None
    gate.free.release()
    assert writer.submit([event(1)]).result(60) == Added(new=1)


def test_a_group_that_cannot_be_written_fails_alone(gate, writer):
    first = writer.submit([event(1)])
    assert gate.begun.acquire(timeout=60)
    good, bad, other = (writer.submit([event(name)]) for name in (2, "poison", 3))
    for _ in range(5):
        gate.free.release()
    assert [future.result(60) for future in (first, good, other)] == [Added(new=1)] * 3
    with pytest.raises(ValueError, match="poison"):
        bad.result(60)
    assert gate.history.count() == 3


def test_a_sender_that_has_left_stops_nobody(gate, writer):
    first = writer.submit([event(1)])
    assert gate.begun.acquire(timeout=60)
    left, stays = writer.submit([event(2)]), writer.submit([event(3)])
    assert left.cancel()
    assert not first.cancel()  # it is being written
    for _ in range(3):
        gate.free.release()
    assert stays.result(60) == Added(new=1)
    with pytest.raises(CancelledError):
        left.result(60)
    assert gate.history.count() == 2


def test_closing_writes_what_waits_and_takes_no_more(gate, writer):
    futures = [writer.submit([event(n)]) for n in range(5)]
    for _ in range(10):
        gate.free.release()
    writer.close()
    writer.close()
    assert [future.result(0) for future in futures] == [Added(new=1)] * 5
    assert writer.submit([event(9)]) is None
    assert writer.flush(0)


KILLED = """
import os, signal, sys
from pathlib import Path
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.group_commit import GroupCommit
from vlclip.ranking.history.sqlite import SqliteHistory

writer = GroupCommit(SqliteHistory(Path(sys.argv[1])))
futures = [
    writer.submit([Event(id=f"{n} {part}", kind="view", item="a", time=1.0, user="u") for part in range(10)])
    for n in range(300)
]
for n, future in enumerate(futures):
    future.result()
    print(n, flush=True)
    if n == 100:
        os.kill(os.getpid(), signal.SIGKILL)
"""


SENDING = """
import sys
from pathlib import Path
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.group_commit import GroupCommit
from vlclip.ranking.history.sqlite import SqliteHistory

writer = GroupCommit(SqliteHistory(Path(sys.argv[1])))
for n in range(100_000):
    names = [f"{sys.argv[2]} {n} {part}" for part in range(7)]
    futures = [writer.submit([Event(id=name, kind="view", item="a", time=1.0, user="u")]) for name in names]
    for name, future in zip(names, futures):
        future.result()
        print(name, flush=True)
"""


@pytest.mark.chaos
def test_whenever_a_process_is_killed_what_was_promised_is_there_once(tmp_path):
    path, promised = tmp_path / "history.sqlite", []
    rng = random.Random(1)
    for number in range(30):
        with subprocess.Popen(
            [sys.executable, "-c", SENDING, str(path), str(number)], stdout=subprocess.PIPE, text=True
        ) as process:
            promised.append(process.stdout.readline().strip())  # it is under way
            timer = threading.Timer(rng.uniform(0, 0.2), process.kill)
            timer.start()
            lines = process.stdout.read().split("\n")
            promised += lines[:-1]  # the last line may be cut
            timer.join()
    stored = [event.id for event in SqliteHistory(path).recent("user:u", 10**9)]
    assert len(promised) > 100
    assert len(stored) == len(set(stored))
    assert set(promised) <= set(stored)


def test_what_a_future_promised_is_there_after_a_kill(tmp_path):
    path = tmp_path / "history.sqlite"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode < 0, run.stderr
    promised = {f"{n} {part}" for n in map(int, run.stdout.split()) for part in range(10)}
    stored = [event.id for event in SqliteHistory(path).recent("user:u", 9999)]
    assert promised <= set(stored)
    assert len(stored) == len(set(stored))
