"""Estimators, intervals and verdicts against a truth that is known: made-up shops, thousands of logs.

    python benchmarks/off_policy_truth.py
    python benchmarks/off_policy_truth.py --json

- accuracy: bias and root mean squared error of every estimator, in % of the true value, by rows;
- coverage: the share of logs whose 95 % interval holds the truth, where the assumptions hold and (marked)
  where they do not;
- verdicts: the share of logs that are not called "ok", broken on purpose and sound.

Shops are those of `tests.ranking.evaluation.off_policy.worlds`: single choices among 20 items in 200
contexts, and lists of 3 of 7 items. Accuracy is of one shop; the other two go through 20 shops in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import repeat
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from tests.ranking.evaluation.off_policy.worlds import Shelf, Shop, draw, draw_lists, shelf, shop
from vlclip.ranking.evaluation.off_policy.evidence import Evidence, judge
from vlclip.ranking.evaluation.off_policy.intervals import estimate_all
from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.off_policy.selection import choose_estimator
from vlclip.ranking.evaluation.off_policy.terms import Estimate, Terms
from vlclip.ranking.settings import DAY_S

SHOPS = 20
STRIDE = 100_000
"""Seeds of logs that one `--seed` has for itself."""
NOW = 1.8e9
SPAN_S = 7 * DAY_S
Table = dict[str, dict[str, Any]]


# --- what is drawn ---


def shop_of(seed: int) -> int:
    """The shop of a log: 20 in turn, others for another `--seed`."""
    return seed // STRIDE * SHOPS + seed % SHOPS


@cache
def a_shop(seed: int, knobs: tuple[tuple[str, Any], ...], change: str = "") -> Shop:
    new_shop = shop(seed, **dict(knobs))
    if change == "uniform":
        return replace(new_shop, logging=np.full_like(new_shop.logging, 1 / new_shop.logging.shape[2]))
    return replace(new_shop, believed=new_shop.rates) if change == "right model" else new_shop


@cache
def a_shelf(seed: int, clicks: Any) -> Shelf:
    return shelf(seed, clicks=clicks)


def measured(log: Choices | ListLog, resamples: int) -> tuple[list[Terms], list[Estimate]]:
    terms = compute_terms(log)
    return terms, estimate_all(terms, log.unit, resamples=resamples)


# --- accuracy ---


def accuracy_of(kind: str, n: int, seed: int) -> dict[str, float]:
    """Every estimate on one log, relative to the truth."""
    if kind == "choices":
        world = a_shop(1, ())
        terms, estimated = measured(draw(world, n, seed).choices, 2)
        truth = world.value
    else:
        shelved = a_shelf(1, kind)
        terms, estimated = measured(draw_lists(shelved, n, seed), 2)
        truth = shelved.value
    del terms
    return {estimate.estimator: estimate.value / truth - 1 for estimate in estimated}


def accuracy(kind: str, logs: dict[int, int], run: Callable[..., Iterable[Any]]) -> Table:
    table: Table = defaultdict(dict)
    for n, many in logs.items():
        errors = defaultdict(list)
        for by_estimator in run(accuracy_of, repeat(kind, many), repeat(n, many), range(many)):
            for name, error in by_estimator.items():
                errors[name].append(100 * error)
        for name, error in errors.items():
            table[name] |= {
                f"bias {n}": float(np.mean(error)),
                f"± {n}": float(1.96 * np.std(error) / np.sqrt(many)),
                f"rmse {n}": float(np.sqrt(np.mean(np.square(error)))),
            }
    return dict(table)


# --- coverage ---

CASES: dict[str, dict[str, Any]] = {
    "choices": {},
    "choices, 5 a unit": {"draw": {"per_unit": 5}},
    "choices, 3 places": {"shop": {"places": 3}},
    "choices, little explored": {"shop": {"sure": 3.0}},
    "choices, uniform log": {"change": "uniform"},
    "choices, right model": {"change": "right model"},
    "lists, clicks by place": {"shelf": "places"},
    "lists, clicks in a cascade": {"shelf": "cascade"},
}


def coverage_of(case: str, n: int, seed: int, resamples: int) -> dict[str, tuple[bool, bool]]:
    """For each estimator whether the intervals, by resampling and by formula, hold the truth."""
    case_of = CASES[case]
    world: Shop | Shelf
    log: Choices | ListLog
    if "shelf" in case_of:
        world = a_shelf(shop_of(seed), case_of["shelf"])
        log = draw_lists(world, n, seed)
    else:
        world = a_shop(shop_of(seed), tuple(case_of.get("shop", {}).items()), case_of.get("change", ""))
        log = draw(world, n, seed, **case_of.get("draw", {})).choices
    truth = world.value
    estimated = measured(log, resamples)[1]
    coverage = {estimate.estimator: holds(estimate, truth) for estimate in estimated}
    first = choose_estimator([estimated])
    return coverage | ({"(chosen)": coverage[first]} if first else {})


def holds(estimate: Estimate, truth: float) -> tuple[bool, bool]:
    return estimate.low <= truth <= estimate.high, estimate.analytic_low <= truth <= estimate.analytic_high


def coverage(case: str, n: int, seeds: range, resamples: int, run: Callable[..., Iterable[Any]]) -> Table:
    trials = list(run(coverage_of, repeat(case), repeat(n), seeds, repeat(resamples)))
    return {
        name: {
            "resampled": float(np.mean([trial[name][0] for trial in trials if name in trial])),
            "formula": float(np.mean([trial[name][1] for trial in trials if name in trial])),
        }
        for name in trials[0]
    }


# --- verdicts ---


@dataclass(frozen=True, slots=True)
class Trial:
    """A kind of log; `also` says what is given beside rewards and propensities."""

    name: str
    shop: tuple[tuple[str, Any], ...] = ()
    draw: dict[str, Any] = field(default_factory=dict)
    also: str = ""
    lists: str = ""
    clocks: float = -1.0
    lost: float = -1.0
    pooled: bool | None = False
    first: str = "sndr"


PLACES = (("places", 3),)
TRIALS = (
    Trial("sound"),
    Trial("sound, all told", also="all", clocks=0, lost=0),
    Trial("sound, all told, estimator chosen by its interval", also="all", first=""),
    Trial("sound, 5 a unit, all told", draw={"per_unit": 5}, also="all", clocks=0, lost=0),
    Trial("sound, 3 places, all told", PLACES, also="all", clocks=0, lost=0),
    Trial("sound, little explored, all told", (("sure", 3.0),), also="all"),
    Trial("sound lists, clicks by place", lists="places", first="cascade_dr"),
    Trial("sound lists, cascade", lists="cascade", first="cascade_dr"),
    Trial("places pooled, said to be apart", PLACES, {"fault": "pooled places"}),
    Trial("places pooled, said to be apart, all told", PLACES, {"fault": "pooled places"}, "all"),
    Trial("places pooled, said so", PLACES, {"fault": "pooled places"}, pooled=True),
    Trial("places pooled, nothing said", PLACES, {"fault": "pooled places"}, pooled=None),
    Trial("1 of 20 items never logged, not told so", (("missing", 1),)),
    Trial("2 of 20 items never logged, not told so", (("missing", 2),)),
    Trial("2 of 20 items never logged, told", (("missing", 2),), also="outside"),
    Trial("wrong propensities, of the chosen only", (), {"fault": "wrong propensities"}),
    Trial(
        "wrong propensities, number of candidates told",
        (),
        {"fault": "wrong propensities"},
        "candidates",
    ),
    Trial("wrong propensities, of all candidates", (), {"fault": "wrong propensities"}, "told"),
    Trial("2 % of clicks before their list", clocks=0.02),
    Trial("a tenth of one arm's units lost", lost=0.1),
)


def verdict_of(trial: Trial, n: int, seed: int, resamples: int) -> tuple[str, list[str]]:
    """The level of one log's verdict, and the findings that are not ok."""
    rng = np.random.default_rng((seed, 1))
    if trial.lists:
        lists = draw_lists(a_shelf(shop_of(seed), trial.lists), n, seed)
        evidence = Evidence.of_lists(lists, **judged(lists, resamples, trial.first))
    else:
        log = draw(a_shop(shop_of(seed), trial.shop), n, seed, **trial.draw)
        evidence_ = judged(log.choices, resamples, trial.first)
        if trial.shop == PLACES:
            evidence_ |= {"place": log.place, "pooled": trial.pooled}
        if trial.also in ("all", "outside"):
            evidence_ |= {"outside": log.outside}
        if trial.also in ("all", "candidates"):
            evidence_ |= {"candidates": np.full(n, float(log.claimed.shape[1]))}
        if trial.also in ("all", "told"):
            evidence_ |= {"chosen": log.item, "probabilities": log.claimed, "sums": log.claimed.sum(axis=1)}
        if trial.clocks >= 0:
            shown_at = NOW - rng.uniform(1000, SPAN_S, n)
            later = rng.exponential(60, n) * np.where(rng.random(n) < trial.clocks, -1, 1)
            came = np.where(log.choices.reward > 0, shown_at + later, np.nan)
            evidence_ |= {"shown_at": shown_at, "came_at": came, "now": NOW}
        if trial.lost >= 0:
            first = int(rng.binomial(n, 0.5))
            second = int(rng.binomial(n - first, 1 - trial.lost))
            evidence_ |= {"counts": {"a": first, "b": second}, "shares": (1, 1)}
        evidence = Evidence.of_choices(log.choices, **evidence_)
    verdict = judge(evidence)
    return verdict.level, [f"{log.code} {log.level}" for log in verdict.findings if log.level != "ok"]


def judged(log: Choices | ListLog, resamples: int, first: str) -> dict[str, Any]:
    """Estimates as a replay has them; `first` is the one looked at, "" for the one it would choose."""
    terms, estimated = measured(log, resamples)
    first = first or choose_estimator([estimated]) or ""
    place = next((place for place, term in enumerate(terms) if term.estimator == first), None)
    if place is None:
        return {"estimates": estimated}
    return {"estimates": estimated, "estimate": estimated[place], "terms": terms[place]}


def verdicts(
    trials: Iterable[Trial], n: int, seeds: range, resamples: int, run: Callable[..., Iterable[Any]]
) -> Table:
    table: Table = {}
    logs = len(seeds)
    for trial in trials:
        levels: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        for level, trial_codes in run(verdict_of, repeat(trial), repeat(n), seeds, repeat(resamples)):
            levels[level] += 1
            codes.update(trial_codes)
        table[trial.name] = {
            "not ok": 1 - levels["ok"] / logs,
            "refused": levels["refused"] / logs,
            "by": {code: many / logs for code, many in codes.most_common()},
        }
    return table


# --- all of it ---


def rows_of(results: dict[str, Any]) -> Iterator[str]:
    """The tables, in Markdown."""
    for kind, table in results["accuracy"].items():
        sizes = [name.split()[1] for name in next(iter(table.values())) if name.startswith("bias")]
        yield f"\n## Accuracy, {kind}\n"
        yield "| estimator | " + " | ".join(f"bias {n} | RMSE {n}" for n in sizes) + " |"
        yield "|---" * (1 + 2 * len(sizes)) + "|"
        for name, row in table.items():
            cells = (f"{row[f'bias {n}']:+.1f} ± {row[f'± {n}']:.1f} | {row[f'rmse {n}']:.1f}" for n in sizes)
            yield f"| {name} | " + " | ".join(cells) + " |"
    for title, table in results["coverage"].items():
        yield f"\n## Coverage, {title}\n\n| estimator | resampled | formula |\n|---|---|---|"
        for name, row in table.items():
            yield f"| {name} | {100 * row['resampled']:.1f} | {100 * row['formula']:.1f} |"
    for title, table in results["verdicts"].items():
        yield f"\n## Verdicts, {title}\n\n| log | not ok | refused | by |\n|---|---|---|---|"
        for name, row in table.items():
            why = ", ".join(f"{code} {100 * share:.1f}" for code, share in row["by"].items())
            yield f"| {name} | {100 * row['not ok']:.1f} | {100 * row['refused']:.1f} | {why} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", default=["accuracy", "coverage", "verdicts"])
    parser.add_argument("--logs", type=int, default=1000, help="of each kind, for coverage")
    parser.add_argument("--judged", type=int, default=400, help="of each kind, for verdicts")
    parser.add_argument("--rows", type=int, nargs="+", default=[5000], help="of each of these logs")
    parser.add_argument("--trials", default="", help="only verdicts on logs of which the name has this in it")
    parser.add_argument("--seed", type=int, default=0, help="other shops and other logs")
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    first = args.seed * STRIDE
    trials = [trial for trial in TRIALS if args.trials in trial.name]
    began = time.perf_counter()
    results: dict[str, Any] = {"accuracy": {}, "coverage": {}, "verdicts": {}}
    with ProcessPoolExecutor(args.jobs) as pool:

        def run(function: Callable[..., Any], *parameters: Iterable[Any]) -> Iterable[Any]:
            return pool.map(function, *parameters, chunksize=5)

        for kind in ("choices", "places", "cascade") if "accuracy" in args.parts else ():
            name = kind if kind == "choices" else f"lists, {kind}"
            results["accuracy"][name] = accuracy(kind, {1000: 2000, 10_000: 1000, 100_000: 200}, run)
        for rows in args.rows:
            for case in CASES if "coverage" in args.parts else ():
                title = f"{case}, {args.logs} logs of {rows}"
                results["coverage"][title] = coverage(
                    case, rows, range(first, first + args.logs), args.resamples, run
                )
            if "verdicts" in args.parts:
                title = f"{args.judged} logs of {rows}"
                results["verdicts"][title] = verdicts(
                    trials, rows, range(first, first + args.judged), args.resamples, run
                )
    results["seconds"] = round(time.perf_counter() - began)
    print(json.dumps(results) if args.json else "\n".join([*rows_of(results), f"\n{results['seconds']} s"]))


if __name__ == "__main__":
    main()
