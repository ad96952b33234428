"""Which estimator to look at first: the narrowest that none with fewer assumptions contradicts.

Estimators with fewer assumptions have wider intervals, those with more may be wrong. Su, Srinath &
Krishnamurthy, "Adaptive estimator selection for off-policy evaluation", ICML 2020 (SLOPE), go from the
widest interval to the narrowest and stop before the first that does not meet all the wider ones, as
Lepski's method does. They double the intervals; here they are the plain 95 % ones, which stops earlier.

Laws (tests/ranking/evaluation/off_policy/test_selection.py):
- intervals that all meet: the narrowest; a narrow one apart from a wider one is never chosen;
- the order they are given in does not matter;
- of several policies on one log the same estimator is chosen, one that none of them contradicts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlclip.ranking.evaluation.off_policy.terms import Estimate

UNWEIGHTED = ("dm", "replay")
"""Not to be chosen: the interval of one does not know its model's error, the other needs uniform logging."""
TUNED = ("clipped_ips", "switch_dr", "dros")
"""Not to be chosen either: tuned for the least error, they have a bias that their interval does not know."""


def most_trusted(policies: Sequence[Sequence[Estimate]]) -> str | None:
    """The estimator to look at first, by name; None where none is trusted for all the policies.

    `policies` are the estimates of each policy on one log, by the same estimators.
    """
    trusted = [{one.estimator: one for one in _meeting(estimates)} for estimates in policies]
    shared = [name for name in trusted[0] if all(name in one for one in trusted)] if trusted else []
    widths = {name: sum(one[name].high - one[name].low for one in trusted) for name in shared}
    return min(shared, key=lambda name: (widths[name], name), default=None)


def _meeting(estimates: Sequence[Estimate]) -> list[Estimate]:
    """From the widest interval down, before the first that does not meet all above it."""
    known = [
        one
        for one in estimates
        if one.estimator not in UNWEIGHTED + TUNED and np.isfinite([one.value, one.low, one.high]).all()
    ]
    known.sort(key=lambda one: (one.low - one.high, one.estimator))
    low, high = -np.inf, np.inf
    for place, one in enumerate(known):
        low, high = max(low, one.low), min(high, one.high)
        if low > high:
            return known[:place]
    return known
