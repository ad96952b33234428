"""Whether a step held."""

from __future__ import annotations

import orjson
import pytest

from tests.loadtest.conftest import record
from vlclip.loadtest.steps import judge_records, knee, read_steps

LIMITS = """
[thresholds.similar]
p95_ms = 50
recall_at_10 = 1
rate_per_s = 999
[thresholds.photo]
p50_ms = 1
"""


def even(rate, seconds=10, **details):
    return [record(at=n / rate, **details) for n in range(int(rate * seconds))]


def test_a_step_is_judged_by_times_and_errors_of_what_was_asked(read):
    plan = read(more=LIMITS)
    assert judge_records(even(10), plan, 10, 0, 10).has_held  # no photo; recall and rates are of the run
    slow = judge_records(even(10, ms=60.0), plan, 10, 0, 10)
    assert slow.missed == ["similar p95 is 60 ms, the limit is 50 ms"]


def test_a_server_that_answers_less_than_is_asked_does_not_hold(read):
    step = judge_records(even(10), read(), 20, 0, 10)
    assert step.missed == ["all rate is 10.0/s of 20.0/s that were asked"]
    # 12 of 20 are within three sigma of a Poisson number of 20, 4 are not
    assert judge_records(even(12, 1), read(), 20, 0, 1).has_held
    assert not judge_records(even(4, 1), read(), 20, 0, 1).has_held


@pytest.mark.parametrize("level", [0.1, 0.7, 10])
def test_a_step_without_a_good_answer_does_not_hold(read, level):
    # of 0.7/s over 12 s 8.4 are asked, of which three sigma, 8.7, could be missing by chance
    for records in ([], even(level, 12, status=500)):
        assert (
            f"all rate is 0.0/s of {level:.1f}/s that were asked"
            in judge_records(records, read(), level, 0, 12).missed
        )
    unknown = judge_records([], read(more="[thresholds.all]\nerror_share = 0.1"), level, 0, 12).missed
    assert "all error share is not known, the limit is 10.00 %" in unknown


def test_an_endpoint_that_answers_nothing_does_not_hold_where_some_of_it_was_sure_to_come(read):
    # photos are a tenth of what visitors ask by themselves, and that here is all they ask
    alone = "[session]\nfollow = 0\nclick = 0" + LIMITS
    plan = read("similar = 1", "similar = 9\nphoto = 1", alone)
    assert judge_records(even(10), plan, 10, 0, 10).missed == ["photo p50 is not known, the limit is 1.0 ms"]
    assert judge_records(even(8), plan, 8, 0, 10).has_held  # of eight on average, none may come by chance
    assert judge_records(even(10), read(more=alone), 10, 0, 10).has_held  # nobody asks for any


def test_a_request_belongs_to_the_step_in_which_it_ended(read):
    late = record(at=8.0, ms=4000.0)
    assert judge_records([*even(10), late], read(more=LIMITS), 10, 0, 10).figures["all"].requests == 100
    assert judge_records([*even(10), late], read(more=LIMITS), 10, 10, 20).figures["all"].requests == 1


def test_the_knee_is_the_highest_level_below_all_that_did_not_hold(read):
    good, bad = even(40), even(40, ms=60.0)
    tried = [(10, good), (20, good), (40, bad), (30, good)]
    steps = [judge_records(records, read(more=LIMITS), level, 0, 10) for level, records in tried]
    assert knee(steps).level == 30
    assert knee([*steps, judge_records(bad, read(more=LIMITS), 25, 0, 10)]).level == 20
    assert knee(steps[2:3]) is None
    assert knee([steps[2], judge_records(good, read(more=LIMITS), 40, 0, 10)]).level == 40  # second try


def test_steps_are_read_as_they_were_written(read, tmp_path):
    step = judge_records(even(10, ms=60.0), read(more=LIMITS), 10, 0, 10)
    (tmp_path / "steps.jsonl").write_bytes(orjson.dumps(step.form()) + b"\n")
    [steps_read] = read_steps(tmp_path)
    assert steps_read.level == 10
    assert steps_read.figures == step.figures
    assert list(steps_read.missed) == step.missed
    assert pytest.approx(steps_read.end) == 10
