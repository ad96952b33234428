"""A log of lists from a shop whose truth is known, replayed and judged."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.planted import PlantedEmbedder
from vlclip.ranking.evaluation.click_models.log import click_log
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.replay.as_of import PastShop
from vlclip.ranking.evaluation.replay.lists_report import Facts, list_report, rate_by_place
from vlclip.ranking.evaluation.replay.policy import ArmPolicy
from vlclip.ranking.evaluation.replay.replayed import replay
from vlclip.ranking.evaluation.simulator.logs import simulate
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.truth import true_value
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.lists.arm import arm_of
from vlclip.ranking.settings import Search

LISTS = 800
SEARCH = Search(limit=5)
DRAWN = {"exploration": {"temperature": 0.2, "depth": 15}}
LOGGING = arm_of({"id": "logging", "exploration": {"temperature": 0.2, "depth": 50}}, "test")
PHOTO = arm_of({"id": "photo", "weights": {"text": 0}} | DRAWN, "test")
WORDS = arm_of({"id": "words", "weights": {"image": 0.8, "text": 1.2}} | DRAWN, "test")


@pytest.fixture(scope="module")
def shop(store):
    """Shoppers who look at words alone."""
    world = World(seed=3, limit=5, likes={"image": 0.0, "text": 1.0}, slope=2.0, level=-1.0)
    return SimulatedShop(store, PlantedEmbedder, SEARCH, world, PositionBased(1 / np.sqrt(np.arange(1, 6))))


@pytest.fixture(scope="module")
def logged(shop):
    return [row for batch in simulate(shop, LOGGING, LISTS) for row in batch]


def facts(logged, **more):
    came = [[o.first_click for o in outcomes if o.first_click is not None] for _, outcomes in logged]
    first = [min(times, default=np.nan) for times in came]
    fields = {
        "source": "log", "now": max(exposure.time for exposure, _ in logged) + 86_400,
        "shown_at": np.array([exposure.time for exposure, _ in logged]), "came_at": np.array(first),
        "clicked": click_log(logged),
    }  # fmt: skip
    return Facts(**fields | more)


@pytest.fixture(scope="module")
def report(store, logged):
    past = PastShop(store, PlantedEmbedder, SEARCH)
    replayed = replay(logged, [ArmPolicy(arm, past) for arm in (LOGGING, PHOTO, WORDS)])
    return list_report(replayed, facts(logged))


def first(arm):
    return next(estimate for estimate in arm.estimates if estimate.estimator == arm.best)


def test_the_arm_that_made_the_log_earned_what_it_earned(report, logged):
    clicks = sum(outcome.clicks > 0 for _, outcomes in logged for outcome in outcomes)
    same = report.arms[0]
    for estimate in same.estimates:
        if estimate.estimator != "cascade_dr":
            assert estimate.value == pytest.approx(clicks / len(logged))
    assert report.observed.value == pytest.approx(clicks / len(logged))
    assert same.verdict.level == "ok"
    assert report.clicks == clicks
    assert report.logged_by == {f"logging@{LOGGING.hash}": len(logged)}


def test_the_truth_lies_in_the_interval_and_the_better_arm_wins(report, shop):
    steps = list(shop.steps(LISTS))
    truth = {arm.id: true_value(shop, arm, steps).clicks for arm in (LOGGING, WORDS)}
    assert truth["words"].value > truth["logging"].value + 0.05
    words = report.arms[2]
    for estimate in words.estimates:
        if estimate.effective > 50:
            assert estimate.low <= truth["words"].value <= estimate.high, estimate.estimator
    assert words.verdict.level != "refused"
    assert report.winner == words.arm


def test_an_arm_that_would_show_other_items_is_refused(report):
    photo = report.arms[1]
    assert photo.verdict.level == "refused"
    assert "outside" in {finding.code for finding in photo.verdict.findings if finding.level == "refused"}


def test_each_arm_is_shown_from_all_sides(report):
    for arm in report.arms:
        names = [estimate.estimator for estimate in arm.estimates]
        assert names == ["sips", "snsips", "rips", "snrips", "iips", "sniips", "cascade_dr"]
        assert {proxy.model for proxy in arm.proxies} == {"position-based", "cascade", "dynamic-bayesian"}
        assert sum(arm.weights.counts) == LISTS
        assert {cut.by for cut in arm.slices} <= {"day", "kind", "logged by"}
    assert [place for place, _, _ in report.rate_by_position] == [1, 2, 3, 4, 5]
    rates = [figure.value for _, _, figure in report.rate_by_position]
    assert rates[0] > rates[-1]
    assert len(report.calibrations) == 3


def test_units_that_were_not_dealt_as_asked_are_refused(store, logged):
    past = PastShop(store, PlantedEmbedder, SEARCH)
    replayed = replay(logged[:200], [ArmPolicy(LOGGING, past)])
    uneven = facts(logged[:200], units={"logging": 400, "other": 100}, shares=(1.0, 1.0))
    judged = list_report(replayed, uneven, with_model=False)
    assert judged.arms[0].verdict.level == "refused"
    assert "dealt" in {
        finding.code for finding in judged.arms[0].verdict.findings if finding.level == "refused"
    }


def test_a_log_without_chance_is_refused_for_another_arm(store, shop):
    plain = arm_of({"id": "plain"}, "test")
    logged = [row for batch in simulate(shop, plain, 200) for row in batch]
    past = PastShop(store, PlantedEmbedder, SEARCH)
    judged = list_report(
        replay(logged, [ArmPolicy(arm, past) for arm in (plain, WORDS)]), facts(logged), with_model=False
    )
    assert judged.arms[1].verdict.level == "refused"
    assert judged.winner is None


def test_rates_by_place_are_of_the_lists_that_have_the_place():
    reward = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    filled = np.array([[True, True], [True, False], [True, True]])
    rates = rate_by_place(reward, filled, np.arange(3))
    # the first place was clicked in 2 of 3 lists, the second in 1 of 2
    assert [(place, lists) for place, lists, _ in rates] == [(1, 3), (2, 2)]
    assert [figure.value for _, _, figure in rates] == pytest.approx([2 / 3, 1 / 2])
