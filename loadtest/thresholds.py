"""The gate: compares figures with limits and names every miss in a sentence.

Laws (tests/loadtest/test_thresholds.py):
- a figure at its limit passes; a figure beyond it is named;
- a limit on what was not measured is missed;
- an endpoint that answers nothing lags, however few its requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from vlclip.loadtest.figures import Figures
from vlclip.loadtest.plan import Limits, Thresholds

LEAST = ("recall_at_10", "rate_per_s", "knee_per_s")
"""Limits that a figure has to reach; it must not exceed any other limit."""
LAGS = 0.2
"""Share of requests that may stay unanswered; if they are few, three sigma instead."""
WORDS = {
    "p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99", "error_share": "error share",
    "recall_at_10": "recall@10", "rate_per_s": "rate", "knee_per_s": "knee", "rss_growth_mb": "memory growth",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Miss:
    """A limit that does not hold: its name, the measured figure (None: not measured), and the limit."""

    endpoint: str
    limit: str
    value: float | None
    bound: float

    def __str__(self) -> str:
        word = "least" if self.limit in LEAST else "limit"
        value = "not known" if self.value is None else format_figure(self.limit, self.value, self.bound)
        bound = format_figure(self.limit, self.bound)
        return f"{self.endpoint} {WORDS[self.limit]} is {value}, the {word} is {bound}"


def missed(
    thresholds: Thresholds, figures: Mapping[str, Figures], run: Mapping[str, float | None] | None = None
) -> list[Miss]:
    """The limits that do not hold; `run` has the figures of the whole run: `rss_growth_mb`, `knee_per_s`."""
    misses = []
    for endpoint, limits in dict(thresholds).items():
        for name, bound in dict(limits).items():
            if bound is None:
                continue
            value = getattr(figures.get(endpoint), name, None)
            if endpoint == "all" and name not in Limits.model_fields:
                value = (run or {}).get(name)
            holds = value is not None and (value >= bound if name in LEAST else value <= bound)
            if not holds:
                misses.append(Miss(endpoint, name, value, bound))
    return misses


def lags(answered: float, due: float) -> bool:
    """Whether too few requests were answered; `due` is the mean of a Poisson number."""
    return not answered or answered < due - max(LAGS * due, 3 * math.sqrt(due))


def format_figure(name: str, value: float, beside: float | None = None) -> str:
    """A figure with its unit, with more digits if it would read the same as the one `beside` it."""
    for digits in range(7):
        text = _format(name, value, digits)
        if beside is None or value == beside or text != _format(name, beside, digits):
            return text
    return text


def _format(name: str, value: float, more: int) -> str:
    if name.endswith("_ms"):
        return f"{value:.{more + (value < 10)}f} ms"
    if name == "error_share":
        return f"{100 * value:.{more + 2}f} %"
    if name.endswith("_per_s"):
        return f"{value:.{more + 1}f}/s"
    if name.endswith("_mb"):
        return f"{value:.{more + 1}f} MB"
    return f"{value:.{more + 3}f}"
