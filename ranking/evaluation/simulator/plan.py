"""What `vlclip simulate` is to simulate, and what came out.

Laws (tests/ranking/evaluation/simulator/test_plan.py):
- each arm is valued once, the logging arm first;
- an arm wins only where it is worth more than every other one, beyond the error of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.behaviour import ClickBehaviour
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.simulator.truth import Truth
from vlclip.ranking.evaluation.simulator.world import World
from vlclip.ranking.experiments.table import TableSize
from vlclip.ranking.lists.arm import Arm, Exploration

LOGGED_BY = Arm(id="logging", exploration=Exploration(temperature=0.05))
"""The plain ranking with some chance in it, where no arm is given."""
CONTINUATION = 0.9
"""The probability that an unsatisfied shopper goes on to the next place."""
Clicks = Literal["position", "cascade", "bayesian"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """A world, how its shoppers click, the arm that logs this many lists, and arms to compare with it."""

    world: World
    clicks: Clicks = "position"
    logged_by: Arm = LOGGED_BY
    compared: tuple[Arm, ...] = ()
    lists: int = 5000

    @property
    def arms(self) -> list[Arm]:
        """The arms whose true value is worked out, each once, the logging arm first."""
        return list({f"{arm.id}@{arm.hash}": arm for arm in (self.logged_by, *self.compared)}.values())


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """The log that was written to `output`, and the true value of each arm, the logging arm's first."""

    plan: SimulationPlan
    output: Path
    written: TableSize
    truths: Sequence[Truth]

    @property
    def winner(self) -> str | None:
        """The arm that is worth more than every other, beyond the error of the orders that were drawn."""
        best, *others = sorted(self.truths, key=lambda truth: -truth.clicks.value)
        return best.arm if all(best.clicks.low > truth.clicks.high for truth in others) else None


def click_behaviour(plan: SimulationPlan) -> ClickBehaviour:
    """How shoppers go through a list of the world's length."""
    if plan.clicks == "cascade":
        return Cascade()
    if plan.clicks == "bayesian":
        return DynamicBayesian(CONTINUATION)
    return PositionBased(1 / np.arange(1, plan.world.limit + 1))
