"""Which estimator to look at first: the narrowest that none with fewer assumptions contradicts.

Estimators with fewer assumptions have wider intervals, those with more may be wrong. Su, Srinath &
Krishnamurthy, "Adaptive estimator selection for off-policy evaluation", ICML 2020 (SLOPE), go from the
widest interval to the narrowest and stop before the first that does not meet all the wider ones, as
Lepski's method does. They double the intervals; here they are the plain 95 % ones, which stops earlier.

Laws (tests/ranking/off_policy/test_selection.py):
- intervals that all meet: the narrowest; a narrow one apart from a wider one is never chosen;
- the order they are given in does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ranking.evaluation.off_policy.terms import Estimate

UNWEIGHTED = ("dm", "replay")
"""Not to be chosen: the interval of one does not know its model's error, the other needs uniform logging."""


def most_trusted(estimates: Sequence[Estimate]) -> Estimate | None:
    """The estimate to look at first; None where none has an interval."""
    known = [
        one
        for one in estimates
        if one.estimator not in UNWEIGHTED and np.isfinite([one.value, one.low, one.high]).all()
    ]
    known.sort(key=lambda one: (one.low - one.high, one.estimator))
    chosen, low, high = None, -np.inf, np.inf
    for one in known:
        low, high = max(low, one.low), min(high, one.high)
        if low > high:
            break
        chosen = one
    return chosen
