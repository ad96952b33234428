"""Whether a step held."""

from __future__ import annotations

import orjson
import pytest

from loadtest.steps import judged, knee, read_steps
from tests.loadtest.conftest import record

LIMITS = """
[thresholds.similar]
p95_ms = 50
recall_at_10 = 1
rate_per_s = 999
[thresholds.photo]
p50_ms = 1
"""


def even(rate, seconds=10, **known):
    return [record(at=n / rate, **known) for n in range(int(rate * seconds))]


def test_a_step_is_judged_by_times_and_errors_of_what_was_asked(read):
    plan = read(more=LIMITS)
    assert judged(even(10), plan, 10, 0, 10).held  # no photo was asked for; recall and rates are the run's
    slow = judged(even(10, ms=60.0), plan, 10, 0, 10)
    assert slow.missed == ["similar p95 is 60 ms, the limit is 50 ms"]


def test_a_server_that_answers_less_than_is_asked_does_not_hold(read):
    step = judged(even(10), read(), 20, 0, 10)
    assert step.missed == ["all rate is 10.0/s of 20.0/s that were asked"]
    # 12 of 20 are within three sigma of a Poisson number of 20, 4 are not
    assert judged(even(12, 1), read(), 20, 0, 1).held
    assert not judged(even(4, 1), read(), 20, 0, 1).held


def test_a_request_belongs_to_the_step_in_which_it_ended(read):
    late = record(at=8.0, ms=4000.0)
    assert judged([*even(10), late], read(more=LIMITS), 10, 0, 10).figures["all"].requests == 100
    assert judged([*even(10), late], read(more=LIMITS), 10, 10, 20).figures["all"].requests == 1


def test_the_knee_is_the_highest_level_below_all_that_did_not_hold(read):
    good, bad = even(40), even(40, ms=60.0)
    tried = [(10, good), (20, good), (40, bad), (30, good)]
    steps = [judged(records, read(more=LIMITS), level, 0, 10) for level, records in tried]
    assert knee(steps).level == 30
    assert knee([*steps, judged(bad, read(more=LIMITS), 25, 0, 10)]).level == 20
    assert knee(steps[2:3]) is None
    assert knee([steps[2], judged(good, read(more=LIMITS), 40, 0, 10)]).level == 40  # at the second try


def test_steps_are_read_as_they_were_written(read, tmp_path):
    step = judged(even(10, ms=60.0), read(more=LIMITS), 10, 0, 10)
    (tmp_path / "steps.jsonl").write_bytes(orjson.dumps(step.form()) + b"\n")
    [found] = read_steps(tmp_path)
    assert found.level == 10
    assert found.figures == step.figures
    assert list(found.missed) == step.missed
    assert pytest.approx(found.end) == 10
