"""A flush after writes, one for many."""

from __future__ import annotations

import threading

from vlclip.engine.errors import StoreFull
from vlclip.service.shop.late_flush import LateFlush


class Counting:
    """A store that counts its flushes."""

    def __init__(self, error: Exception | None = None) -> None:
        self.flushed, self.error = threading.Semaphore(0), error

    def flush(self) -> None:
        self.flushed.release()
        if self.error:
            raise self.error


def test_many_writes_share_a_flush_and_later_ones_get_their_own():
    store = Counting()
    late = LateFlush(store, late_s=0.05)
    for _ in range(100):
        late.soon()
    assert store.flushed.acquire(timeout=60)
    late.soon()
    assert store.flushed.acquire(timeout=60)
    late.close()


def test_nothing_is_flushed_without_a_write_or_after_the_end():
    store = Counting()
    late = LateFlush(store, late_s=60)
    late.close()
    late.soon()
    late.close()
    assert not store.flushed.acquire(blocking=False)


def test_a_flush_that_fails_is_told_and_the_next_one_tried(lines):
    store = Counting(StoreFull("no room"))
    late = LateFlush(store, late_s=0.01)
    for _ in range(2):
        late.soon()
        assert store.flushed.acquire(timeout=60)
    late.close()
    assert any("no room" in str(line) for line in lines())
