"""Items are written once and in order, whatever the disk does; lost items are counted and logged."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlclip.ranking.errors import BadExposure, HistoryError
from vlclip.ranking.history.writer import Writer

NAME = "test"


class Disk:
    """Stores what is written. Each error in `fail` fails a write; writes wait until `open` is set."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.fail: list[Exception] = []
        self.open = threading.Event()
        self.open.set()
        self.busy = threading.Event()

    def write(self, batch: list[object]) -> None:
        self.busy.set()
        assert self.open.wait(60)
        if self.fail:
            raise self.fail.pop(0)
        self.batches.append(batch)

    @property
    def stored(self) -> list[object]:
        return [item for batch in self.batches for item in batch]


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def make(disk):
    writers = []

    def writer(**options):
        writers.append(Writer(disk.write, name=NAME, **{"waits_s": (0.0, 0.0), **options}))
        return writers[-1]

    yield writer
    disk.open.set()
    for each in writers:
        each.close()


def away(times):
    return [HistoryError("it does not answer; start it") for _ in range(times)]


@given(st.lists(st.lists(st.integers(), max_size=8), max_size=12), st.integers(1, 5))
@settings(max_examples=30)
def test_what_is_put_is_written_once_and_in_order_in_batches_of_at_most_that_size(puts, size):
    disk = Disk()
    writer = Writer(disk.write, name=NAME, batch=size)
    assert all(writer.put(items) for items in puts)
    writer.close()
    assert disk.stored == [item for items in puts for item in items]
    assert all(1 <= len(batch) <= size for batch in disk.batches)
    assert (writer.written, writer.dropped, writer.waiting) == (len(disk.stored), 0, 0)


def test_put_does_not_wait_for_a_slow_disk_and_what_comes_meanwhile_is_written_together(disk, make):
    writer = make()
    disk.open.clear()
    writer.put([0])
    assert disk.busy.wait(60)
    assert all(writer.put([n]) for n in range(1, 10))
    assert (writer.written, writer.waiting) == (0, 10)
    assert not writer.flush(timeout_s=0.01)
    disk.open.set()
    assert writer.flush()
    assert disk.batches == [[0], [1, 2, 3, 4, 5, 6, 7, 8, 9]]
    assert (writer.written, writer.waiting) == (10, 0)


def test_what_does_not_fit_is_taken_not_at_all(disk, make):
    writer = make(capacity=4)
    disk.open.clear()
    assert writer.put([1, 2, 3])
    assert not writer.put([4, 5])
    assert writer.put([6])
    assert not writer.put([7])
    assert writer.put([])
    disk.open.set()
    assert writer.flush()
    assert not writer.put([1, 2, 3, 4, 5])
    assert writer.put([8, 9, 10, 11])
    writer.close()
    assert disk.stored == [1, 2, 3, 6, 8, 9, 10, 11]


def test_a_disk_that_recovers_loses_nothing(disk, make, caplog):
    writer = make()
    disk.fail = away(2)
    writer.put([1, 2])
    assert writer.flush()
    writer.put([3])
    writer.close()
    assert disk.stored == [1, 2, 3]
    assert (writer.written, writer.dropped) == (3, 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_a_batch_that_fails_at_every_try_is_counted_and_logged_and_the_next_is_written(disk, make, caplog):
    writer = make()
    disk.fail = away(3)
    writer.put([1, 2])
    assert writer.flush()
    assert (writer.written, writer.dropped, writer.waiting) == (0, 2, 0)
    assert caplog.records[-1].levelno == logging.ERROR
    assert caplog.records[-1].getMessage() == "test: 2 lost: it does not answer; start it"
    writer.put([3])
    writer.close()
    assert disk.stored == [3]
    assert (writer.written, writer.dropped) == (1, 2)


def test_an_unexpected_error_is_not_tried_again_and_does_not_end_the_writer(disk, make, caplog):
    writer = make()
    disk.fail = [TypeError("a mistake")]
    writer.put([1])
    assert writer.flush()
    writer.put([2])
    writer.close()
    assert disk.stored == [2]
    assert (writer.written, writer.dropped) == (1, 1)
    assert "a mistake" in caplog.text


@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.sampled_from([TypeError, BadExposure]))
@settings(max_examples=30)
def test_items_that_cannot_be_written_are_lost_alone_and_the_others_written_once_in_order(n, bad, error):
    stored = []

    def write(batch):
        if bad & set(batch):
            raise error("it holds what no disk can")
        stored.extend(batch)

    writer = Writer(write, name=NAME, waits_s=[60])
    writer.put(range(n))
    writer.close()
    assert stored == [item for item in range(n) if item not in bad]
    assert (writer.written, writer.dropped) == (len(stored), n - len(stored))


def test_an_item_that_cannot_be_written_is_logged_with_the_reason(disk, make, caplog):
    writer = make()
    disk.fail = [BadExposure("its context must be JSON")]
    writer.put([1])
    writer.close()
    assert [record.getMessage() for record in caplog.records] == ["test: 1 lost: its context must be JSON"]


def test_close_writes_all_that_waits_and_takes_nothing_more(disk, make):
    writer = make(batch=2)
    disk.open.clear()
    writer.put([1, 2, 3, 4, 5])
    closing = threading.Thread(target=writer.close)
    closing.start()
    while writer.put([]):
        pass
    assert not writer.put([6])
    disk.open.set()
    closing.join()
    writer.close()
    assert disk.stored == [1, 2, 3, 4, 5]
    assert writer.flush()


def test_a_process_that_ends_tries_again_and_again_for_the_first_batch_only(disk, make):
    writer = make(batch=1)
    disk.open.clear()
    writer.put([1, 2, 3, 4])
    # [1] is tried three times, [2] once, [3] is written
    disk.fail = away(4)
    closing = threading.Thread(target=writer.close)
    closing.start()
    while writer.put([]):
        pass
    disk.open.set()
    closing.join()
    assert disk.stored == [3, 4]
    assert writer.dropped == 2


def test_many_producers_lose_nothing_and_each_keeps_its_order(disk, make):
    writer = make(capacity=50, batch=7)
    producers, each = 8, 200
    refused = []

    def produce(who):
        for n in range(0, each, 2):
            while not writer.put([(who, n), (who, n + 1)]):
                refused.append(who)
                writer.flush()

    threads = [threading.Thread(target=produce, args=[who]) for who in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len(disk.stored) == writer.written == producers * each
    for who in range(producers):
        assert [n for producer, n in disk.stored if producer == who] == list(range(each))


FORGETS_TO_CLOSE = """
import time
from pathlib import Path
from vlclip.ranking.history.writer import Writer

def write(batch):
    time.sleep(0.05)
    with open(__import__("sys").argv[1], "a") as file:
        file.writelines(f"{item}\\n" for item in batch)

Writer(write, name="test", batch=2).put(list(range(9)))
"""


def test_a_process_that_forgets_to_close_writes_what_waits(tmp_path):
    file = tmp_path / "written"
    subprocess.run([sys.executable, "-c", FORGETS_TO_CLOSE, str(file)], check=True)
    assert file.read_text().split() == [str(n) for n in range(9)]


def test_what_comes_soon_after_is_written_together_and_a_flush_does_not_wait():
    batches = []
    writer = Writer(batches.append, name="slow to start", linger_s=60)
    for number in range(5):
        assert writer.put([number])
    assert writer.flush(30)
    assert [item for batch in batches for item in batch] == [0, 1, 2, 3, 4]
    assert len(batches) <= 2  # the thread may have taken some before the last one came
    assert writer.put([5])
    writer.close()
    assert batches[-1] == [5]
