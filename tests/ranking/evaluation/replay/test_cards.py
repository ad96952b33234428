"""Replay of lists that have one card for each group."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.evaluation.replay.conftest import ANNA, Front, an_arm
from tests.ranking.lists.test_grouping import grouped_points
from tests.ranking.planted import INFO
from vlclip.engine.opening.stores import open_store
from vlclip.ranking.evaluation.replay.logged_list import read_logged_list
from vlclip.ranking.evaluation.replay.policy import ArmPolicy
from vlclip.service.settings import Settings

ARMS = {
    "drawn": an_arm(),
    "varied": an_arm(diversity={"amount": 0.3, "window": 15}),
    "with pins": an_arm(rules={"pins": ["p2-1", "p9-0"]}),
    "of items": an_arm(rules={"group_by": "none"}),
    "certain": an_arm(exploration={"temperature": 0}),
}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    opened = open_store(str(tmp_path_factory.mktemp("store")), Settings.load(), INFO)
    opened.upsert(grouped_points([1, 2, 3, 7] * 10 + [0] * 10))
    yield opened
    opened.close()


@pytest.mark.parametrize("name", ARMS)
def test_the_arm_that_made_a_log_of_cards_has_its_propensities(grouped, history, name):
    front, arm = Front(grouped, history), ARMS[name]
    front.did("view", "p4-0")
    log = [
        front.similar("p1-0", arm, unit=ANNA, limit=8),
        front.search("red thing number3", arm, limit=8),
        front.recommend(ANNA, arm, limit=8),
        front.similar("p7-0", arm, group_by="none", limit=8),
    ]
    policy = ArmPolicy(arm, front.past())
    for exposure, _ in log:
        logged = read_logged_list(exposure)
        assert not isinstance(logged, str)
        chances = policy.probabilities(logged)
        assert not isinstance(chances, str)
        rows = np.arange(len(logged.chosen))
        logging = [item.propensity for item in exposure.items]
        np.testing.assert_allclose(chances.next[rows, logged.chosen], logging, rtol=1e-9)
        assert chances.own == logged.items


def test_cards_and_items_are_two_policies(grouped, history):
    front = Front(grouped, history)
    logged = read_logged_list(front.similar("p7-0", ARMS["of items"], limit=8)[0])
    assert not isinstance(logged, str)
    chances = ArmPolicy(ARMS["drawn"], front.past()).probabilities(logged)
    assert not isinstance(chances, str)
    shown_groups = [item.split("-")[0] for item in chances.own]
    assert len(set(shown_groups)) == len(shown_groups)
    assert (chances.next.sum(axis=1) <= 1 + 1e-9).all()
