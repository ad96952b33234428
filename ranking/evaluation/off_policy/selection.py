"""Which estimator to look at first: the narrowest that none with fewer assumptions contradicts.

Estimators with fewer assumptions have wider intervals; those with more may be wrong. Su, Srinath &
Krishnamurthy, "Adaptive estimator selection for off-policy evaluation", ICML 2020 (SLOPE), go from the
widest interval to the narrowest and stop before the first that does not meet all the wider ones, as
Lepski's method does. They double the intervals. Here they are the plain 95 % ones, which stops earlier.

Laws (tests/ranking/evaluation/off_policy/test_selection.py):
- where all intervals meet, the narrowest is chosen; one that does not meet a wider one is never chosen;
- the order of the estimates does not matter;
- for several policies on one log one estimator is chosen, which none of them contradicts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlclip.ranking.evaluation.off_policy.registry import find_estimator
from vlclip.ranking.evaluation.off_policy.terms import Estimate


def choose_estimator(policies: Sequence[Sequence[Estimate]]) -> str | None:
    """The estimator to look at first, by name; None where none is trusted for all the policies.

    `policies` are the estimates of each policy on one log, by the same estimators. Errors: `EvaluationError`
    for an estimator that is not in the registry.
    """
    if not policies:
        return None
    trusted = [{estimate.estimator: estimate for estimate in _agreeing(estimates)} for estimates in policies]
    shared = [name for name in trusted[0] if all(name in by_name for by_name in trusted)]
    widths = {name: sum(by_name[name].high - by_name[name].low for by_name in trusted) for name in shared}
    return min(shared, key=lambda name: (widths[name], name), default=None)


def _agreeing(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Trusted estimates from the widest interval down, before the first that does not meet all above it."""
    candidates = [
        estimate
        for estimate in estimates
        if find_estimator(estimate.estimator).trusted
        and np.isfinite([estimate.value, estimate.low, estimate.high]).all()
    ]
    candidates.sort(key=lambda estimate: (estimate.low - estimate.high, estimate.estimator))
    low, high = -np.inf, np.inf
    for rank, estimate in enumerate(candidates):
        low, high = max(low, estimate.low), min(high, estimate.high)
        if low > high:
            return candidates[:rank]
    return candidates
