"""The shape of a load over time, as pure functions; `vlclip.loadtest.users` passes it to locust.

Laws (tests/loadtest/test_shapes.py):
- a shape ends when its seconds are over, and never before;
- the due requests are those of the users that there were, and no more than the level;
- the knee is a level that held, and the least level that did not lies above it;
- each bisection halves the (logarithmic) gap between the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from vlclip.loadtest.plan import Constant, Pace, Ramp, Spike, Steps

Timed = Constant | Ramp | Spike


def level_at(shape: Timed, seconds: float) -> float | None:
    """The level `seconds` after the start; None when it is over."""
    if seconds >= shape.seconds:
        return None
    if isinstance(shape, Ramp):
        return shape.start + (shape.end - shape.start) * seconds / shape.seconds
    if isinstance(shape, Spike) and shape.at_s <= seconds < shape.at_s + shape.peak_s:
        return shape.peak
    return shape.level


def users_for(level: float, pace: Pace) -> int:
    """Number of users that make this level."""
    return max(1, round(level / pace.per_user if pace.kind == "open" else level))


def due(levels: Sequence[Mapping[str, Any]], pace: Pace, begin: float, end: float) -> float:
    """Mean number of requests that were due from `begin` to `end`, if the pace is open.

    `levels` are the levels of the shape and the number of `users`, each from `at` until the next.
    Users start some time after a level rises; users that a lower level sends away may take long to leave.
    """
    total = 0.0
    for level, after in pairwise(levels):
        seconds = min(end, after["at"]) - max(begin, level["at"])
        total += max(0.0, seconds) * min(level["level"], level["users"] * pace.per_user)
    return total


@dataclass(frozen=True, slots=True)
class Search:
    """The state of the search for the knee: the next level, and the results of those before.

    `good` is the highest level that held (0: none yet), `bad` the lowest that did not; `level` is None
    when the search is over.
    """

    steps: Steps
    level: float | None
    good: float = 0.0
    bad: float = math.inf
    bisections: int = 0
    tried: int = 0

    @classmethod
    def begin(cls, steps: Steps) -> Search:
        """The state before the first step."""
        return cls(steps, steps.start)

    def after(self, *, has_held: bool) -> Search:
        """The search after the step at `level`."""
        assert self.level is not None  # noqa: S101  # a search that is over has no steps
        if not has_held and self.tried + 1 < self.steps.tries:
            return replace(self, tried=self.tried + 1)
        good, bad = (self.level, self.bad) if has_held else (self.good, self.level)
        if math.isinf(bad):
            level = min(good * self.steps.factor, self.steps.most)
            return Search(self.steps, level if level > good else None, good)
        if not good or self.bisections == self.steps.bisect:
            return Search(self.steps, None, good, bad, self.bisections)
        return Search(self.steps, math.sqrt(good * bad), good, bad, self.bisections + 1)
