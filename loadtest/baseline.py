"""A run compared with an earlier one: the change of each figure, and whether it exceeds a tolerance.

Laws (tests/loadtest/test_baseline.py):
- a run compared with itself has no change;
- faster, fewer errors, more right answers and a higher rate are better, the reverse is worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vlclip.loadtest.figures import Figures
from vlclip.loadtest.thresholds import LEAST, WORDS

TOLERANCE = 0.1
"""Share of a figure by which it may change without being called changed."""
ABSOLUTE = {"error_share": 0.001, "recall_at_10": 0.005}
"""By how much a figure that is a share may change: a tenth of a tiny share is too small a tolerance."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one endpoint before and now; `share` is by how much of itself it rose."""

    endpoint: str
    figure: str
    before: float
    now: float
    share: float | None
    verdict: Literal["same", "better", "worse"]


def compare(
    before: Mapping[str, Figures], now: Mapping[str, Figures], tolerance: float = TOLERANCE
) -> list[Change]:
    """Every figure that both runs have."""
    changes = []
    for endpoint in now:
        for figure in WORDS:
            old, new = (getattr(figures.get(endpoint), figure, None) for figures in (before, now))
            if old is not None and new is not None:
                changes.append(_change(endpoint, figure, old, new, tolerance))
    return changes


def _change(endpoint: str, figure: str, before: float, now: float, tolerance: float) -> Change:
    share = (now - before) / before if before else None
    if abs(now - before) <= ABSOLUTE.get(figure, tolerance * abs(before)):
        return Change(endpoint, figure, before, now, share, "same")
    better = (now > before) == (figure in LEAST)
    return Change(endpoint, figure, before, now, share, "better" if better else "worse")
