"""How long all estimators of single choices take with their bootstrap intervals, beside a plain loop.

    python benchmarks/off_policy_speed.py

A made-up log, seeded: 50 choices, a logging policy that prefers some by a lot, a target policy that prefers
others, clicks of about one in forty, a reward model that is a little off.

- one pass: `compute_terms`, which also tunes the clip, the threshold and the shrinkage, then `estimate_all`,
  which gives values, both intervals and the quantiles of weights for all of them together.
- loop: for each estimator and each resample draw rows with replacement, index the columns that it reads, and
  compute it again. Nothing is tuned or checked there. A few resamples of each are timed and scaled up.

Both run here, one after the other, with the BLAS threads the environment allows (OMP_NUM_THREADS). The peak
of memory is the process's before the loop begins.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable, Mapping

import numpy as np

from vlclip.ranking.evaluation.off_policy.intervals import estimate_all
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.statistics.arrays import Values
from vlclip.ranking.statistics.bootstrap import RESAMPLES

CHOICES = 50


def made_up(rows: int, seed: int) -> Choices:
    rng = np.random.default_rng(seed)
    liked = rng.normal(size=CHOICES)
    logging, target = (np.exp(scores) / np.exp(scores).sum() for scores in (liked, -liked / 3))
    rates = rng.random(CHOICES) * 0.05
    believed = rates * rng.uniform(0.6, 1.2, CHOICES)
    choice = rng.choice(CHOICES, rows, p=logging)
    return Choices(
        reward=(rng.random(rows) < rates[choice]).astype(np.float64),
        propensity=logging[choice],
        target=target[choice],
        predicted=believed[choice],
        baseline=target @ believed + rng.normal(0, 1e-3, rows),
    )


def formulas(chosen: Mapping[str, float]) -> dict[str, tuple[tuple[str, ...], Callable[..., float]]]:
    """What each estimator reads, and the estimator, written plainly."""
    most, threshold, shrinkage = chosen["most"], chosen["threshold"], chosen["shrinkage"]
    weighed, model = ("target", "propensity", "reward"), ("predicted", "baseline")

    def dros(t: Values, p: Values, r: Values, q: Values, b: Values) -> float:
        w = t / p
        return float(np.mean(b + shrinkage * w / (w * w + shrinkage) * (r - q)))

    def switch_dr(t: Values, p: Values, r: Values, q: Values, b: Values) -> float:
        w = t / p
        return float(np.mean(b + np.where(w <= threshold, w, 0) * (r - q)))

    return {
        "replay": (("target", "reward"), lambda t, r: np.sum(t * r) / np.sum(t)),
        "ips": (weighed, lambda t, p, r: np.mean(t / p * r)),
        "clipped_ips": (weighed, lambda t, p, r: np.mean(np.minimum(t / p, most) * r)),
        "snips": (weighed, lambda t, p, r: np.sum(t / p * r) / np.sum(t / p)),
        "dm": (("baseline",), np.mean),
        "dr": (weighed + model, lambda t, p, r, q, b: np.mean(b + t / p * (r - q))),
        "sndr": (
            weighed + model,
            lambda t, p, r, q, b: np.mean(b) + np.sum(t / p * (r - q)) / np.sum(t / p),
        ),
        "switch_dr": (weighed + model, switch_dr),
        "dros": (weighed + model, dros),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--looped", type=int, default=5, help="resamples that are timed of the loop")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    log = made_up(arguments.rows, arguments.seed)

    began = time.perf_counter()
    terms = compute_terms(log)
    tuned_s = time.perf_counter() - began
    intervals = estimate_all(terms, log.unit, resamples=arguments.resamples)
    pass_s = time.perf_counter() - began
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts it in KiB

    plainly = formulas({name: value for term in terms for name, value in term.parameters.items()})
    rng = np.random.default_rng(arguments.seed)
    timed: dict[str, float] = {}
    for term in intervals:
        names, estimator = plainly[term.estimator]
        columns = [getattr(log, name) for name in names]
        if not np.isclose(estimator(*columns), term.value, rtol=1e-9):
            raise SystemExit(f"{term.estimator} is not what the loop computes: {term.value}")
        began = time.perf_counter()
        for _ in range(arguments.looped):
            rows = rng.integers(0, arguments.rows, arguments.rows)
            estimator(*(column[rows] for column in columns))
        timed[term.estimator] = time.perf_counter() - began
    loop_s = sum(timed.values()) / arguments.looped * arguments.resamples

    print("| estimator | value | bootstrap | delta method | one resample of the loop, ms |")
    print("|---|---|---|---|---|")
    for term in intervals:
        print(
            f"| {term.estimator} | {term.value:.5f} | {term.low:.5f} to {term.high:.5f} "
            f"| {term.analytic_low:.5f} to {term.analytic_high:.5f} "
            f"| {1e3 * timed[term.estimator] / arguments.looped:.1f} |"
        )
    print(
        json.dumps({
            "rows": arguments.rows,
            "estimators": len(intervals),
            "resamples": arguments.resamples,
            "one_pass_s": round(pass_s, 2),
            "of_it_terms_and_tuning_s": round(tuned_s, 2),
            "loop_s": round(loop_s, 1),
            "loop_resamples_timed": arguments.looped,
            "ratio": round(loop_s / pass_s, 1),
            "peak_gib": round(peak_gib, 2),
            "machine": platform.machine(),
            "numpy": np.__version__,
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
