"""Outcomes on disk."""

from __future__ import annotations

import threading

import pytest

from vlclip.engine.errors import RefinementError
from vlclip.engine.refinement.cache import RefinementCache, RefinementOutcome

OUTCOME = RefinementOutcome("a line", "", 2, 100, 10)


def test_an_outcome_outlives_the_process_that_made_it(tmp_path):
    path = tmp_path / "deep" / "c.sqlite"
    first = RefinementCache(path)
    first.put("k", OUTCOME)
    first.put("k", RefinementOutcome("another", "", 0, 0, 0))
    first.close()
    first.close()
    again = RefinementCache(path)
    assert again.get("k") == OUTCOME
    assert again.get("other") is None
    again.close()


def test_two_may_write_one_file(tmp_path):
    caches = [RefinementCache(tmp_path / "c.sqlite") for _ in range(2)]

    def fill(cache: RefinementCache, mark: str) -> None:
        for number in range(50):
            cache.put(f"{mark}{number}", OUTCOME)

    threads = [
        threading.Thread(target=fill, args=(cache, mark)) for cache, mark in zip(caches, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caches[0].get("b49") == caches[1].get("a49") == OUTCOME
    for cache in caches:
        cache.close()


def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "c.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(RefinementError, match="damaged one may be deleted"):
        RefinementCache(tmp_path / "c.sqlite")
