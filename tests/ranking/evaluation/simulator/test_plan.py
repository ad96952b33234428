"""Which arms a simulation values, and which of them wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vlclip.ranking.evaluation.simulator.plan import (
    LOGGED_BY,
    SimulationPlan,
    SimulationReport,
    click_behaviour,
)
from vlclip.ranking.evaluation.simulator.truth import Truth
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.experiments.table import TableSize
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.statistics.bootstrap import Figure


def truth(arm, clicks, error):
    figure = Figure(clicks, clicks - error, clicks + error)
    return Truth(arm=arm, lists=9, clicks=figure, ctr={}, revenue=figure, error=error)


def test_each_arm_is_valued_once_and_the_logging_arm_first():
    photo = Arm(id="photo", weights={"text": 0.0})
    plan = SimulationPlan(world=World(), compared=(photo, LOGGED_BY, photo))
    assert plan.arms == [LOGGED_BY, photo]


@pytest.mark.parametrize(("error", "winner"), [(0.04, "photo"), (0.06, None)])
def test_an_arm_wins_only_beyond_the_error_of_both(error, winner):
    # 0.5 - 0.04 is over 0.4 + 0.04; 0.5 - 0.06 is not over 0.4 + 0.06
    truths = [truth("logging", 0.4, error), truth("photo", 0.5, error)]
    plan = SimulationPlan(world=World())
    report = SimulationReport(plan, Path("log.parquet"), TableSize(lists=9, items=90, clicked=4), truths)
    assert report.winner == winner


def test_by_default_a_place_is_looked_at_as_often_as_its_number_says():
    behaviour = click_behaviour(SimulationPlan(world=World(limit=3)))
    ones = np.ones((1, 3))
    np.testing.assert_allclose(behaviour.marginal(ones, ones, ones.astype(bool)), [[1, 1 / 2, 1 / 3]])
