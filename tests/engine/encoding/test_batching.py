"""Calls of many threads, made together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.encoding.batching import Batcher


class Doubling:
    """Doubles numbers, and stays in a batch until it is let go."""

    def __init__(self):
        self.batches = []
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.began.release()
        assert self.go.acquire(timeout=10)
        if any(number < 0 for number in numbers):
            raise ValueError("a number below 0")
        return [2 * number for number in numbers]


def call_while_busy(work, batcher, pool, numbers):
    """Calls for `numbers`, in their order, that all wait behind the call for 0."""
    calls = [pool.submit(batcher, 0)]
    assert work.began.acquire(timeout=10)
    for place, number in enumerate(numbers):
        calls.append(pool.submit(batcher, number))
        while len(batcher._waiting) < place + 1:
            pass
    return calls


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as threads:
        yield threads


def test_alone_a_call_goes_at_once(pool):
    batch_sizes = []
    batcher = Batcher(
        lambda numbers: [2 * n for n in numbers], limit=4, on_batch=lambda *b: batch_sizes.append(b)
    )
    assert [batcher(number) for number in (1, 2)] == [2, 4]
    assert (batcher.batches, batcher.items) == (2, 2)
    assert [size for size, _ in batch_sizes] == [1, 1]
    assert all(seconds >= 0 for _, seconds in batch_sizes)


def test_who_comes_while_a_batch_runs_is_in_the_next_up_to_the_limit(pool):
    work = Doubling()
    batcher = Batcher(work, limit=4)
    calls = call_while_busy(work, batcher, pool, range(1, 7))
    for _ in range(3):
        work.go.release()
    assert [call.result(timeout=10) for call in calls] == [0, 2, 4, 6, 8, 10, 12]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6]]
    assert (batcher.batches, batcher.items) == (3, 7)


def test_an_error_reaches_every_caller_of_its_batch_and_the_next_one_runs(pool):
    work = Doubling()
    batcher = Batcher(work, limit=3)
    calls = call_while_busy(work, batcher, pool, [1, -1, 2, 3])
    for _ in range(3):
        work.go.release()
    assert calls[0].result(timeout=10) == 0
    for call in calls[1:4]:
        with pytest.raises(ValueError, match="below 0"):
            call.result(timeout=10)
    assert calls[4].result(timeout=10) == 6
    work.go.release()
    assert batcher(5) == 10


def test_too_few_answers_are_an_error_and_leave_nobody_waiting(pool):
    batcher = Batcher(lambda numbers: [], limit=4)
    for _ in range(2):
        with pytest.raises(ValueError, match="shorter"):
            batcher(1)


def test_an_observer_that_fails_leaves_nobody_waiting(pool):
    work = Doubling()

    def observe(size, seconds):
        if size == 1:
            raise RuntimeError("no disk")

    batcher = Batcher(work, limit=4, on_batch=observe)
    calls = call_while_busy(work, batcher, pool, [1, 2])
    work.go.release()
    work.go.release()
    with pytest.raises(RuntimeError, match="no disk"):
        calls[0].result(timeout=10)
    assert [call.result(timeout=10) for call in calls[1:]] == [2, 4]


def test_a_batch_of_those_who_waited_waits_for_more_and_a_call_alone_does_not(pool, monkeypatch):
    work, late = Doubling(), []
    batcher = Batcher(work, limit=3, wait_s=0.5)

    def sleep(seconds):  # meanwhile two more come; one too many for the batch
        assert seconds == 0.5
        late.extend(pool.submit(batcher, number) for number in (2, 3))
        while len(batcher._waiting) < 2:
            pass

    monkeypatch.setattr("vlclip.engine.encoding.batching.time.sleep", sleep)
    calls = call_while_busy(work, batcher, pool, [1])
    assert late == []
    work.go.release(2)
    assert [call.result(timeout=10) for call in calls] == [0, 2]
    assert [call.result(timeout=10) for call in late] == [4, 6]
    assert work.batches[0] == [0]
    assert sorted(work.batches[1]) == [1, 2, 3]


@given(st.lists(st.integers(), min_size=1, max_size=60), st.integers(1, 8), st.integers(1, 8))
def test_everyone_gets_their_own_in_batches_within_the_limit(numbers, limit, threads):
    sizes = []

    def work(arguments):
        sizes.append(len(arguments))
        return [2 * number for number in arguments]

    batcher = Batcher(work, limit=limit)
    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(batcher, numbers)) == [2 * number for number in numbers]
    assert sum(sizes) == batcher.items == len(numbers)
    assert max(sizes) <= min(limit, threads)
