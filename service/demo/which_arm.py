"""The last question of the demo: here is a log, which arm wins? Its shoppers are simulated, so that is known.

Laws (tests/service/demo/test_which_arm.py): the arm that really earns more comes out better; equal stores
give equal answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.store.store import Store
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.replay.as_of import PastShop
from vlclip.ranking.evaluation.replay.lists_report import facts_of, list_report
from vlclip.ranking.evaluation.replay.policy import ArmPolicy
from vlclip.ranking.evaluation.replay.replayed import replay
from vlclip.ranking.evaluation.replay.report import ReplayReport
from vlclip.ranking.evaluation.simulator.logs import simulate
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.truth import true_value
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.settings import DAY_S, Search
from vlclip.ranking.statistics.bootstrap import Figure

PLACES = 6
LOGGING = Arm(id="logging", exploration=Exploration(temperature=0.15, depth=30))
CHANCE = Exploration(temperature=0.05, depth=15)
ARMS = (
    Arm(id="more-photo", weights={"image": 1.5, "text": 0.5}, exploration=CHANCE),
    Arm(id="more-words", weights={"image": 0.5, "text": 1.5}, exploration=CHANCE),
)


@dataclass(frozen=True, slots=True)
class WhichArm:
    """What the log says of the arms, and what they are really worth, in clicks a list by arm."""

    report: ReplayReport
    truth: Mapping[str, Figure]


def which_arm(
    store: Store, load_embedder: Callable[[], Embedder], search: Search, *, lists: int = 1000
) -> WhichArm:
    """A log of shoppers who go by the photo, replayed for two arms."""
    world = World(shoppers=200, limit=PLACES, likes={"image": 1.0, "text": 0.0}, slope=2.0)
    clicks = PositionBased(1 / np.arange(1, PLACES + 1) ** 0.5)
    shop = SimulatedShop(store, load_embedder, search, world, clicks)
    log = [logged for batch in simulate(shop, LOGGING, lists) for logged in batch]
    past = PastShop(store, load_embedder, search)
    replayed = replay(log, [ArmPolicy(arm, past) for arm in ARMS])
    now = max(exposure.time for exposure, _ in log) + DAY_S
    facts = facts_of(log, source=f"{lists:,} simulated lists", now=now)
    steps = list(shop.steps(lists))
    truth = {arm.id: true_value(shop, arm, steps).clicks for arm in ARMS}
    return WhichArm(list_report(replayed, facts), truth)
