"""Pictures of a run over time."""

from __future__ import annotations

import re

import pytest

from tests.loadtest.conftest import record
from vlclip.loadtest.figures import by_endpoint, over_time
from vlclip.loadtest.plots import pictures
from vlclip.loadtest.report import Report


def drawn(*times_ms, status=200):
    """Of a run with a request a second, each answered after this time, with None refused."""
    records = [
        record(at=float(at), ms=ms or 1.0, status=status if ms else 500) for at, ms in enumerate(times_ms)
    ]
    seconds = float(len(records))
    return pictures(
        Report(
            plan="small", plan_hash="0123456789ab", host="http://shop", began=1.8e9, seconds=seconds,
            figures=by_endpoint(records, seconds), misses=[], reasons={}, limits={},
            series=over_time(records, 0, seconds), levels=[(0.0, 1.0), (seconds, 1.0)],
        )
    )  # fmt: skip


def texts(svg):
    return re.findall(r"<t(?:ext|span)[^>]*>([^<]*)<", svg)


@pytest.mark.parametrize("times_ms", [(55, 70, 95), (52, 55, 58), (8, 70, 30), (1, 3000, 20)])
def test_times_of_any_range_are_at_plain_numbers(times_ms):
    svg = drawn(*times_ms)["Times"]
    words = {"seconds", "ms", "p50", "p95", "p99"}
    labels = texts(svg)
    assert words < set(labels)
    numbers = [float(text) for text in labels if text not in words]  # those with a power of ten are none
    assert sum(min(times_ms) <= number <= max(times_ms) for number in numbers) > 1


def test_every_picture_is_of_the_whole_run_also_where_answers_came_only_at_first():
    pictures = drawn(*[5.0] * 3, *[None] * 37)
    for svg in pictures.values():
        assert "40" in texts(svg)


def test_where_nothing_was_answered_there_is_no_picture_of_times():
    assert list(drawn(5, 6, 7)) == ["Times", "Rate", "Users"]
    assert list(drawn(5, 6, 7, status=500)) == ["Rate", "Users"]
