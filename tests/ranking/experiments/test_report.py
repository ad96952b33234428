"""The report on an experiment: worked by hand, and with lists left out, arms changed, shares missed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.experiments.logs import a_list
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.experiments.experiment import ALARM, Experiment
from vlclip.ranking.experiments.outcome import NOTHING, Outcome
from vlclip.ranking.experiments.rate import click_rate, difference
from vlclip.ranking.experiments.report import report
from vlclip.ranking.lists.arm import Arm

PLAIN, TEXT = Arm(id="plain"), Arm(id="text", weights={"text": 2})
EXPERIMENT = Experiment(id="e", salt="e", arms=(PLAIN, TEXT), shares=(1, 1))
HERE = {arm.id: f"{arm.id}@{arm.hash}" for arm in (PLAIN, TEXT)}
CLICKED = Outcome(clicks=2, first_click=1.0)


def logged(arm, unit, impressions, clicks, *, bought=NOTHING, **more):
    """A list of `impressions` items; the first `clicks` were clicked, the last has the outcome `bought`."""
    outcomes = [CLICKED] * clicks + [NOTHING] * (impressions - clicks - 1) + [bought]
    name = HERE.get(arm, arm)
    return a_list(f"{name} {unit}", unit=unit, items="abcdefghij"[:impressions], arm=name, **more), tuple(
        outcomes[:impressions]
    )


def test_a_report_worked_by_hand():
    bought = Outcome(carts=2, purchases=1, value=30.0)
    batches = [
        [logged("plain", "user:1", 4, 1), logged("plain", "user:2", 6, 4, bought=bought)],
        [logged("text", f"user:{n}", 10, 1 if n == 3 else 3, bought=bought) for n in (3, 4, 5, 6)],
    ]
    result = report(EXPERIMENT, batches)
    plain, text = result.arms
    assert (plain.arm, plain.units, plain.lists, plain.impressions, plain.clicks) == (
        HERE["plain"], 2, 2, 10, 5,
    )  # fmt: skip
    assert (text.arm, text.units, text.lists, text.impressions, text.clicks) == (HERE["text"], 4, 4, 40, 10)
    assert (plain.carts, plain.purchases, plain.value) == (2, 1, 30)
    assert (text.carts, text.purchases, text.value) == (8, 4, 120)
    # test_rate.py works the errors out
    assert (plain.ctr.value, plain.ctr.low) == pytest.approx((0.5, 0.108007), abs=1e-6)
    assert (text.ctr.value, text.ctr.low) == pytest.approx((0.25, 0.152002), abs=1e-6)
    assert (plain.difference, plain.p) == (None, None)
    assert text.difference.value == pytest.approx(-0.25)
    assert text.p == pytest.approx(0.2253, abs=1e-4)
    # 2 and 4 units, 3 and 3 by the shares: a chi-square of 1/3 + 1/3, with p = 0.41
    assert (result.units, result.expected) == ({"plain": 2, "text": 4}, {"plain": 3, "text": 3})
    assert result.ratio_p == pytest.approx(0.4142, abs=1e-4)
    assert result.is_trusted
    assert (result.changed, result.moved, result.nobody) == ([], 0, 0)


def test_several_lists_of_a_unit_are_one_draw():
    first, second = logged("plain", "user:1", 4, 1), logged("plain", "user:1", 6, 4)
    other = logged("plain", "user:2", 5, 2)
    [arm] = report(EXPERIMENT, [[first, second, other]]).arms
    assert (arm.units, arm.lists, arm.impressions) == (2, 3, 15)
    assert arm.ctr == click_rate([10, 5], [5, 2]).figure


def test_nobody_in_particular_and_other_experiments_are_left_out():
    alone = [logged(arm, f"{arm}:{n}", 4, n) for arm in ("plain", "text") for n in range(3)]
    others = [
        logged("plain", "", 9, 9),
        logged("plain", "user:3", 9, 9, experiment="another"),
        logged("plain", "", 9, 9, experiment="another"),
    ]
    mixed, plain = report(EXPERIMENT, [[*others, *alone]]), report(EXPERIMENT, [alone])
    assert (mixed.arms, mixed.units) == (plain.arms, plain.units)
    assert (mixed.nobody, plain.nobody) == (1, 0)


def test_an_arm_that_was_changed_is_shown_apart_and_its_units_are_dealt_once():
    lists = [
        logged("gone@9", "user:4", 4, 1),
        logged("text@old", "user:1", 4, 1),
        logged("text", "user:1", 4, 2),
        logged("text", "user:2", 4, 3),
        logged("plain", "user:3", 4, 2),
    ]
    result = report(EXPERIMENT, [lists])
    assert [arm.arm for arm in result.arms] == [HERE["plain"], HERE["text"], "text@old", "gone@9"]
    assert result.units == {"plain": 1, "text": 2}
    assert result.changed == ["text"]
    assert result.moved == 0


def test_units_that_saw_several_arms_are_told():
    lists = [logged(arm, f"user:{n}", 4, 1) for arm in ("plain", "text") for n in range(3)]
    assert report(EXPERIMENT, [[*lists, logged("text", "user:9", 4, 1)]]).moved == 3


def test_units_that_were_not_dealt_as_asked_raise_the_alarm():
    lists = [logged("plain", f"user:{n}", 1, 0) for n in range(200)]
    lists += [logged("text", f"user:{n}", 1, 1) for n in range(200, 320)]
    result = report(EXPERIMENT, [lists])
    assert result.ratio_p < ALARM
    assert not result.is_trusted


def test_a_report_on_nothing_says_so():
    with pytest.raises(EvaluationError, match="check its id"):
        report(EXPERIMENT, [[logged("plain", "user:1", 4, 1, experiment="another")]])


def test_a_planted_difference_is_found_in_a_simulated_log():
    rng = np.random.default_rng(2)
    lists, sums = [], {"plain": {}, "text": {}}
    for n in range(800):
        unit = f"user:{n}"
        arm = EXPERIMENT.assign(unit).id
        chance = rng.beta(2, 18 if arm == "plain" else 9)
        sums[arm][unit] = [0, 0]
        for visit in range(rng.integers(1, 5)):
            clicks = int(rng.binomial(5, chance))
            exposure, outcomes = logged(arm, unit, 5, clicks)
            lists.append((a_list(f"{n}/{visit}", unit=unit, items="abcde", arm=exposure.arm), outcomes))
            sums[arm][unit] = [sums[arm][unit][0] + 5, sums[arm][unit][1] + clicks]
    result = report(EXPERIMENT, [lists[:700], lists[700:]])
    plain, text = result.arms
    assert result.is_trusted
    assert plain.ctr.high < text.ctr.low
    assert text.p < 1e-4
    # so the intervals contain the truth as often as in test_rate.py
    rates = {arm: click_rate(*zip(*of.values(), strict=True)) for arm, of in sums.items()}
    assert (text.difference, text.p) == difference(rates["text"], rates["plain"])
