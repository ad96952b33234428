"""Checks of an estimate before it is believed: how much of the log carries it, and how evenly.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- a check without its evidence gives None instead of a finding;
- rows of one unit are taken together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlclip.ranking.evaluation.off_policy.checks import WEIGHT_OFF, format_count, level_over
from vlclip.ranking.evaluation.off_policy.registry import ESTIMATORS, find_estimator
from vlclip.ranking.evaluation.off_policy.significance import sum_by_unit
from vlclip.ranking.evaluation.off_policy.tail import tail_shape
from vlclip.ranking.evaluation.off_policy.terms import Estimate
from vlclip.ranking.evaluation.off_policy.verdict import Finding, Level
from vlclip.ranking.statistics.arrays import Indices, Values

EFFECTIVE = (50, 300)
"""Effective rows: below the first an estimate is refused, below the second careful."""
EFFECTIVE_SHARE = 0.01
"""Of the rows; below it a few rows speak for very many."""
CARRIED = (0.30, 0.10)
"""Share of the estimate that one unit may carry."""
SHAPE = (0.7, 0.5)
"""Of the tail of the weights: from 0.5 their variance is not finite, over 0.7 no log is long enough."""
INTERVALS_OFF = 0.25
"""How far the ends of two 95 % intervals of one value may lie apart, in widths of the wider one."""
WEIGHT_LEFT = (0.5, 0.8)
"""Mean weight of an estimator: below the first it is refused, below the second careful."""


def check_size(effective: float, rows: int) -> Finding | None:
    """Whether enough rows carry the estimate; `effective` is (Σw)² / Σw² of its weights.

    Kish, Survey Sampling, 1965. None for an estimator without weights.
    """
    if np.isnan(effective):
        return None
    level: Level = "refused" if effective < EFFECTIVE[0] else "careful" if effective < EFFECTIVE[1] else "ok"
    if level == "ok" and effective < EFFECTIVE_SHARE * rows:
        level = "careful"
    share = 100 * effective / max(rows, 1)
    says = (
        f"{format_count(rows)} rows are worth {format_count(effective)} of the target policy's own "
        f"({share:.3g} %)"
    )
    if level != "ok":
        says += (
            f"; {EFFECTIVE[0]} are the least and {EFFECTIVE[1]} are enough: log longer, "
            "explore more, or ask about a policy nearer to the one that ran"
        )
    return Finding("size", level, f"{says}.")


def check_largest_unit(contributions: Values, unit: Indices | None = None) -> Finding | None:
    """Whether one unit carries the estimate; `contributions` `(n,)` are weight times reward of each row.

    None where there are none.
    """
    sums = np.abs(sum_by_unit(contributions, unit))
    if not sums.sum() > 0:
        return None
    share = float(sums.max() / sums.sum())
    level = level_over(share, CARRIED)
    says = f"No unit carries more than {100 * share:.2g} % of the estimate"
    if level != "ok":
        says = (
            f"One unit carries {100 * share:.2g} % of the estimate; look at it, or use an estimator that "
            "bounds its weights"
        )
    return Finding("tails", level, f"{says}.")


def check_weight_tail(*weights: Values) -> Finding | None:
    """Whether the tail of the weights, of rows or of an estimator, is so long that intervals are too short.

    Where a few immense weights decide but are missing in the log, no other check sees it. Limits are
    those of Vehtari et al., Pareto smoothed importance sampling, JMLR 2024. None without a measurable tail.
    """
    shapes = [shape for column in weights if (shape := tail_shape(column)) is not None]
    shape = max(shapes, default=None)
    if shape is None:
        return None
    level = level_over(shape, SHAPE)
    says = f"The largest weights fall off with a tail of shape {shape:.2g}"
    if level != "ok":
        says += (
            f", over {SHAPE[1]}: the weights that decide may not be in this log, and its intervals are too "
            "short. Explore more, or ask about a policy nearer to the one that ran"
        )
    return Finding("heavy", level, f"{says}.")


def check_weight_left(estimate: Estimate) -> Finding | None:
    """How much of the target policy an estimator that clips, switches off or shrinks still weighs.

    It takes the rest for nothing, or for what the reward model predicts, and no interval knows the error of
    that. None for an estimator without weights.
    """
    mean = estimate.mean_weight
    if np.isnan(mean):
        return None
    level: Level = "refused" if mean < WEIGHT_LEFT[0] else "careful" if mean < WEIGHT_LEFT[1] else "ok"
    says = f"{estimate.estimator} weighs {100 * mean:.0f} % of what the target policy would do"
    if level != "ok":
        says += (
            f"; its interval knows nothing of the other {100 * (1 - mean):.0f} %. "
            f"Look at one that keeps its weights: {', '.join(_steady_alternatives(estimate.estimator))}"
        )
    return Finding("kept", level, f"{says}.")


def _steady_alternatives(name: str) -> list[str]:
    """Trusted, self-normalised estimators of the same kind of log, those with a reward model first."""
    log = find_estimator(name).log
    alternatives = [
        estimator
        for estimator in ESTIMATORS.values()
        if estimator.log is log and estimator.trusted and estimator.self_normalised
    ]
    alternatives.sort(key=lambda estimator: not estimator.needs_model)
    return [estimator.name for estimator in alternatives]


def check_independent_places(estimate: Estimate, estimates: Sequence[Estimate]) -> Finding | None:
    """Whether an estimator that takes places for independent could be checked by one that does not.

    `iips` assumes most of all list estimators. Its interval meets that of `rips`, or it would not have been
    chosen; but an interval of a few effective lists meets anything. None for other estimators.
    """
    name = estimate.estimator
    if find_estimator(name).reach != "own item":
        return None
    effective = max(
        (
            other.effective
            for other in estimates
            if find_estimator(other.estimator).reach in ("items above", "whole list")
        ),
        default=0.0,
    )
    if effective >= EFFECTIVE[1]:
        return Finding("assumed", "ok", f"Estimators that assume less than {name} agree with it.")
    return Finding(
        "assumed", "careful",
        f"{name} takes for granted that a click depends on its own item and place alone. For estimators that "
        f"do not, the log is worth {format_count(effective)} lists, too few to check that. Believe it only "
        "if shoppers mostly click what they like and go on looking.",
    )  # fmt: skip


def check_intervals(estimate: Estimate) -> Finding | None:
    """Whether the two intervals of an estimate agree; None where one of them is unknown."""
    ends = np.array([[estimate.low, estimate.high], [estimate.analytic_low, estimate.analytic_high]])
    width = float((ends[:, 1] - ends[:, 0]).max())
    if not width > 0:
        return None
    off = float(np.abs(ends[0] - ends[1]).max()) / width
    both = f"{_range(*ends[0])} by resampling and {_range(*ends[1])} by formula"
    if off <= INTERVALS_OFF:
        return Finding("skewed", "ok", f"Both intervals of {estimate.estimator} say the same: {both}.")
    return Finding(
        "skewed", "careful",
        f"The intervals of {estimate.estimator} differ: {both}. Few rows decide; read the wider one, "
        "or log longer.",
    )  # fmt: skip


def check_agreement(estimates: Sequence[Estimate]) -> Finding | None:
    """Whether estimators that should all be right agree: those with enough rows and weights of about 1.

    Estimators that clip so much that their mean weight is further than `WEIGHT_OFF` from 1 are known to be
    biased, so they are left out; so are those that are not importance-weighted. None for less than two.
    """
    comparable = [
        estimate
        for estimate in estimates
        if find_estimator(estimate.estimator).importance_weighted
        and estimate.effective >= EFFECTIVE[0]
        and abs(estimate.mean_weight - 1) <= WEIGHT_OFF
        and estimate.low <= estimate.high
    ]
    if len(comparable) < 2:
        return None
    highest = max(comparable, key=lambda estimate: estimate.low)
    lowest = min(comparable, key=lambda estimate: estimate.high)
    if highest.low <= lowest.high:
        return Finding("disagreement", "ok", f"The intervals of {len(comparable)} estimators overlap.")
    return Finding(
        "disagreement", "careful",
        f"{highest.estimator} says {_range(highest.low, highest.high)}, "
        f"{lowest.estimator} {_range(lowest.low, lowest.high)}: they cannot both be right. Look at the "
        "propensities and at the reward model before believing either.",
    )  # fmt: skip


def _range(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}"
