"""Plans are read, and what is wrong in one is named."""

from __future__ import annotations

import pytest

from vlclip.loadtest.errors import BadPlan
from vlclip.loadtest.plan import PLANS, read_plan


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_plan_that_ships_is_read_by_its_name_and_limits_something(path):
    plan = read_plan(path.stem)
    assert plan.id == path.stem
    assert plan.thresholds.model_dump(exclude_none=True)["all"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("items = 30", "itemz = 30", "itemz: no such field; did you mean items?"),
        ("similar = 1", "similarr = 1", "mix.similarr: no such field; did you mean similar?"),
        ("level = 2", "levell = 2", "shape.constant.level: Field required"),
        ("level = 2", "level = 2\npeak_s = 3", "shape.constant.peak_s: no such field"),
        ('kind = "constant"', 'kind = "wave"', "shape: .*'wave'.*'steps'"),
        ("seconds = 5", "seconds = -5", "shape.constant.seconds: .*greater than 0"),
        ("similar = 1", "similar = 0", "mix: all weights are 0"),
        ("seconds = 5", "seconds = 2", "warm_s: nothing is left to count"),
        ('id = "small"', "", "id: Field required"),
        ('"small"', '"Shop Of Mine"', "id: write it in small letters, digits and hyphens"),
        ("items = 30", "items = ", "not TOML"),
    ],
)
def test_a_field_that_is_wrong_is_named(read, old, new, message):
    with pytest.raises(BadPlan, match=message):
        read(old, new)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[thresholds.similar]\np95ms = 3", "thresholds.similar.p95ms: no such field; did you mean p95_ms"),
        ("[thresholds.similarr]\np95_ms = 3", "thresholds.similarr: no such field; did you mean similar"),
        ("[thresholds.similar]\nrss_growth_mb = 3", "thresholds.similar.rss_growth_mb: no such field"),
        ("[thresholds.all]\nerror_share = 2", "thresholds.all.error_share: .*less than or equal to 1"),
        ("[queries]\ntitles = 0", "queries: all weights are 0"),
    ],
)
def test_a_section_that_is_wrong_is_named(read, more, message):
    with pytest.raises(BadPlan, match=message):
        read(more=more)


def test_steps_need_an_open_pace(read):
    steps = 'kind = "steps"\nstart = 2'
    with pytest.raises(BadPlan, match=r"set pace\.kind = 'open'"):
        read('kind = "constant"\nlevel = 2', steps)
    assert read('kind = "constant"\nlevel = 2', steps, '[pace]\nkind = "open"').shape.kind == "steps"


def test_a_plan_that_is_not_there_is_told_with_those_that_ship():
    with pytest.raises(BadPlan, match=r"no plan 'shpo'.*knee.*shop.*soak"):
        read_plan("shpo")


def test_the_hash_is_that_of_the_file(read):
    first = read()
    assert len(first.hash) == 12
    assert read().hash == first.hash
    assert read("items = 30", "items = 31").hash != first.hash
