"""Two policies that ran side by side, each evaluated from the other's log, against what it really earned.

    python benchmarks/open_bandit.py ../shared/data/open_bandit --campaign men

Open Bandit Dataset (Saito et al., NeurIPS Datasets and Benchmarks 2021): one policy chose at random, the
other by Bernoulli Thompson sampling. What Thompson sampling would have chosen where it did not run is an
estimate from its own log (`ranking/evaluation/replay/open_bandit.py`).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from vlclip.ranking.evaluation.off_policy.intervals import estimate_all, observe
from vlclip.ranking.evaluation.replay.choices_report import choice_report
from vlclip.ranking.evaluation.replay.open_bandit import (
    BanditLog,
    EstimatedPolicy,
    Target,
    read_open_bandit,
    uniform,
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--campaign", default="men")
    args = parser.parse_args()
    random, bts = (read_open_bandit(args.folder / name / args.campaign) for name in ("random", "bts"))
    show("random", random, "bts", bts, EstimatedPolicy(bts))
    show("bts", bts, "random", random, uniform)


def show(name: str, log: BanditLog, target_name: str, own: BanditLog, target: Target) -> None:
    (real,) = estimate_all([observe(own.click)])
    report = choice_report(log, {target_name: target}, source=name, now=time.time())
    (arm,) = report.arms
    clicks = f"{log.click.sum():.0f} clicks in {len(log.click):,} rows"
    print(f"\n**{target_name} from the log of {name}**: {clicks}.")
    print(f"On its own log: {per_mille(real.value, real.low, real.high)} clicks per 1,000 choices.\n")
    print("| estimator | clicks per 1,000 choices, 95 % | off by | effective rows |")
    print("|---|---|---|---|")
    for estimate in arm.estimates:
        first = " (first)" if estimate.estimator == arm.best else ""
        off = 100 * (estimate.value / real.value - 1)
        effective = "" if estimate.effective != estimate.effective else f"{estimate.effective:,.0f}"
        value = per_mille(estimate.value, estimate.low, estimate.high)
        print(f"| `{estimate.estimator}`{first} | {value} | {off:+.0f} % | {effective} |")
    print(f"\nVerdict: {arm.verdict.level}.")
    for finding in arm.verdict.findings:
        if finding.level != "ok":
            print(f"- {finding.code}: {finding.says}")


def per_mille(value: float, low: float, high: float) -> str:
    return f"{1000 * value:.2f} ({1000 * low:.2f} to {1000 * high:.2f})"


if __name__ == "__main__":
    main()
