"""Which click model tells clicks best when we know how they came about, and what it then says of another arm.

    python benchmarks/click_models.py

Clicks are drawn from each of the three models with known parameters: 500 items, attraction Beta(1.5, 6),
satisfaction Beta(3, 3), place k looked at in 1 / k^0.7 of the lists, continuation 0.85; in a list are ten
items, the more attractive ones more often and higher. Each model is fitted on four fifths of the units and
judged on the rest. `truth` is the perplexity of the model the clicks came from, with its own parameters.
`arm` is by how much the proxy of clicks per list is wrong for lists of the ten best of 40 items drawn evenly.
Figures are means over the logs; `best` counts in how many a model had the lowest perplexity.
"""

from __future__ import annotations

import argparse
import os
from time import perf_counter
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.behaviour import ClickBehaviour
from vlclip.ranking.evaluation.click_models.calibration import calibration
from vlclip.ranking.evaluation.click_models.cascade import Cascade
from vlclip.ranking.evaluation.click_models.fitting import HELD_OUT, MODELS, SEED, Fitted, fit
from vlclip.ranking.evaluation.click_models.log import ClickLog, NumberedLists
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.click_models.proxies import measures
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates
from vlclip.ranking.evaluation.click_models.worth import Worth

PLACES = 10
EXAMINATION = 1 / np.arange(1, PLACES + 1) ** 0.7
CONTINUATION = 0.85
TRUE: dict[str, ClickBehaviour] = {
    "position-based": PositionBased(EXAMINATION),
    "cascade": Cascade(),
    "dynamic-bayesian": DynamicBayesian(CONTINUATION),
}


class Judged(NamedTuple):
    """A line of the first table."""

    perplexity: float
    truth: float
    calibration: float
    arm: float
    seconds: float


class Recovered(NamedTuple):
    """Mean absolute errors of parameters, beside those of simpler guesses."""

    attraction: float
    clicks_by_looks: float
    same_attraction: float
    examination: float
    satisfaction: float
    same_satisfaction: float
    continuation: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lists", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--logs", type=int, default=5, help="logs drawn from each model")
    arguments = parser.parse_args()
    print(f"{'clicks of':16} {'fitted':16} {'perplexity':>10} {'truth':>7} {'best':>5} "
          f"{'calibration':>11} {'arm':>7} {'seconds':>8}")  # fmt: skip
    recovered: dict[str, list[Recovered]] = {name: [] for name in TRUE}
    for true in TRUE:
        rows: dict[str, list[Judged]] = {name: [] for name in MODELS}
        for seed in range(arguments.logs):
            world = World(true, arguments.lists, arguments.items, seed)
            for name in MODELS:
                row, fitted = world.judged(name)
                rows[name].append(row)
                if name == true:
                    recovered[name].append(world.recovered(fitted))
        best = [min(MODELS, key=lambda name: rows[name][log].perplexity) for log in range(arguments.logs)]
        for name, figures in rows.items():
            mean = Judged(*np.mean(figures, axis=0))
            print(f"{true:16} {name:16} {mean.perplexity:10.4f} {mean.truth:7.4f} "
                  f"{best.count(name):3}/{len(best)} {mean.calibration:11.4f} {mean.arm:+7.1%} "
                  f"{mean.seconds:8.2f}")  # fmt: skip
    print("\nmean absolute errors of the parameters of the model that clicks came from")
    for name, errors in recovered.items():
        print(name)
        for what, error in zip(Recovered._fields, np.mean(errors, axis=0), strict=True):
            if not np.isnan(error):
                print(f"    {what.replace('_', ' '):18} {error:.4f}")


class World:
    """A log drawn from one model, and the lists of another arm with what they would truly earn."""

    def __init__(self, true: str, lists: int, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._true, self._every = TRUE[true], np.arange(count)
        self._attraction, self._satisfaction = rng.beta(1.5, 6, count), rng.beta(3, 3, count)
        scores = np.log(self._attraction) / 2 + rng.gumbel(size=(lists, count))
        items, filled = np.argsort(-scores, axis=1)[:, :PLACES], np.ones((lists, PLACES), dtype=bool)
        clicked = self._true.sample(self._attraction[items], self._satisfaction[items], filled, rng)
        log = ClickLog(
            items=items, clicked=clicked, filled=filled, unit=np.arange(lists) // 4,
            names=tuple(map(str, self._every)),
        )  # fmt: skip
        self._seen, self._unseen = log.split(HELD_OUT, SEED)
        drawn = np.argsort(rng.random((lists, count)), axis=1)[:, :40]
        order = np.argsort(-self._attraction[drawn], axis=1)[:, :PLACES]
        self._arm = NumberedLists(np.take_along_axis(drawn, order, axis=1), filled)
        self._knowing = Fitted(
            behaviour=self._true, attractions=_true_rates(self._attraction),
            satisfactions=_true_rates(self._satisfaction), names=log.names, trace=(),
            worth=Worth(None, None, None),
        )  # fmt: skip

    def judged(self, name: str) -> tuple[Judged, Fitted]:
        """A fit of the model of this name, and what it is worth."""
        start = perf_counter()
        fitted = fit(name, self._seen)
        seconds = perf_counter() - start
        calibrated = calibration(fitted, self._unseen)
        expected, truth = (measures(model, self._arm)[0].above.mean() for model in (fitted, self._knowing))
        return Judged(
            perplexity=calibrated.perplexity,
            truth=self._knowing.perplexity(self._unseen)[1],
            calibration=calibrated.error,
            arm=expected / truth - 1,
            seconds=seconds,
        ), fitted

    def recovered(self, fitted: Fitted) -> Recovered:
        """What became of the parameters in a fit of the true model."""
        examination, satisfaction, same, continuation = np.full(4, np.nan)
        if isinstance(fitted.behaviour, PositionBased):
            examination = np.abs(fitted.behaviour.examination - EXAMINATION).mean()
        if isinstance(fitted.behaviour, DynamicBayesian):
            satisfaction = np.abs(fitted.satisfaction(self._every) - self._satisfaction).mean()
            same = np.abs(self._satisfaction - self._satisfaction.mean()).mean()
            continuation = abs(fitted.behaviour.continuation - CONTINUATION)
        looks, hits = fitted.attractions.chances, fitted.attractions.hits
        plain = np.divide(hits, looks, out=np.zeros_like(looks), where=looks > 0)
        return Recovered(
            attraction=np.abs(fitted.attraction(self._every) - self._attraction).mean(),
            clicks_by_looks=np.abs(plain - self._attraction).mean(),
            same_attraction=np.abs(self._attraction - self._attraction.mean()).mean(),
            examination=examination,
            satisfaction=satisfaction,
            same_satisfaction=same,
            continuation=continuation,
        )


def _true_rates(rates: np.ndarray) -> Rates:
    """Rates without error."""
    return Rates(1e12 * rates, np.full(len(rates), 1e12), Prior(0.5, 1.0))


if __name__ == "__main__":
    main()
