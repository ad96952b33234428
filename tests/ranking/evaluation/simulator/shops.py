"""Simulated shops on the planted store, small and with many clicks."""

from __future__ import annotations

import numpy as np

from tests.ranking.planted import PlantedEmbedder
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.simulator.shop import SimulatedShop
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.lists.arm import Arm, Exploration
from vlclip.ranking.settings import Search

LIMIT = 6
EXPLORING = Arm(id="exploring", exploration=Exploration(temperature=0.3, depth=12))
PLAIN = Arm(id="plain")


def looked_at(limit=LIMIT):
    """Place k is looked at once in k times."""
    return PositionBased(1 / np.arange(1, limit + 1))


def simulated(store, clicks=None, history=None, **world):
    """A shop in which one in four is attracted by what is near a taste."""
    planted = World(**{"shoppers": 40, "limit": LIMIT, "level": -1.0, "satisfaction_level": -0.5} | world)
    return SimulatedShop(
        store, PlantedEmbedder, Search(), planted, clicks or looked_at(planted.limit), history
    )
