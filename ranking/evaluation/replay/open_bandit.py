"""Logs in the format of the Open Bandit Dataset: single choices, with their propensities.

Saito, Aihara, Matsutani & Narita, "Open Bandit Dataset and Pipeline: Towards Realistic and Reproducible
Off-Policy Evaluation", NeurIPS Datasets and Benchmarks 2021. Two policies ran at the same time: one chose
uniformly at random, the other (`bts`) by Bernoulli Thompson sampling, which learned as it went.

A target is any callable from a log to the probability `(n, A)` of each of the A items in each of its n rows.
A log has the propensity of the chosen item alone, so the probability of any other choice is an estimate:
`EstimatedPolicy`. Its `fit` says how good the estimate is; every figure that uses it is an estimate of an
estimate.

Laws (tests/ranking/evaluation/replay/test_open_bandit.py):
- the uniform policy has ratios of 1 on its own log;
- estimated probabilities sum to 1 in every row, and are exact for a policy that never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.statistics.arrays import Indices, Values

CONTEXT = "item_context.csv"
COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score")
AFFINITY = "user-item_affinity_"
FEATURE = "item_feature_"


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditLog:
    """n choices among A items, one of each for a place.

    `item` `(n,)` are rows of `ids`, `position` places from 0, `click` 0 or 1, `propensity` the logging
    policy's of the item at this place, over 0, `time` in seconds since 1970, UTC. `affinity` `(n, A)` is how
    often a user has clicked each item before, `items` `(A, f)` what is known of the items, by `names`:
    numbers in standard deviations, and 0 or 1 for each value of the others.
    """

    ids: tuple[str, ...]
    item: Indices
    position: Indices
    click: Values
    propensity: Values
    time: Values
    affinity: NDArray[np.float32]
    items: Values
    names: tuple[str, ...]

    def choices(self, target: Values) -> Choices:
        """The log as estimators read it, for a target `(n, A)`.

        Errors: `EvaluationError` where the target gives no probabilities.
        """
        if target.shape != self.affinity.shape or not (target >= 0).all():
            raise EvaluationError(f"a target has to give probabilities of shape {self.affinity.shape}")
        if not np.allclose(target.sum(axis=1), 1, atol=1e-6):
            raise EvaluationError("a target's probabilities have to sum to 1 over the items in every row")
        own = target[np.arange(len(self.item)), self.item]
        return Choices(reward=self.click, propensity=self.propensity, target=own)

    def features(self, rows: slice = slice(None)) -> Values:
        """Features of every item in these rows for a reward model, `(m, A, f + 1 + places)`.

        They are the item's own features, the user's affinity to it, and 1 for the place among all places.
        """
        affinity, position = self.affinity[rows], self.position[rows]
        shape = affinity.shape
        places = np.eye(int(self.position.max()) + 1)[position]
        parts = (
            np.broadcast_to(self.items, (*shape, self.items.shape[1])),
            affinity[:, :, None],
            np.broadcast_to(places[:, None], (*shape, places.shape[1])),
        )
        return np.concatenate(parts, axis=2)


Target = Callable[[BanditLog], Values]


def uniform(log: BanditLog) -> Values:
    """Every item as probable as every other, `(n, A)`."""
    return np.full(log.affinity.shape, 1 / len(log.ids))


@dataclass(frozen=True, slots=True)
class TargetFit:
    """How well an estimated policy reproduces the propensities of its own log, each row from the others.

    The correlation of estimated and logged propensities, and the mean and the median of their ratio.
    """

    correlation: float
    mean_ratio: float
    median_ratio: float


class EstimatedPolicy:
    """A policy estimated from its log: `EstimatedPolicy(bts)(other)` is a target `(n, A)`.

    The probability of an item at a place and time is the weighted harmonic mean of its logged propensities
    at this place next before and next after. Where the item was never at this place, those of any place
    count; an item that was never chosen has 0. Then each row is divided by its sum. The mean is harmonic
    because a policy logs a propensity most often when it is high; a mean of 1 / propensity over time undoes
    that.
    """

    def __init__(self, log: BanditLog) -> None:
        self._log = log

    def __call__(self, log: BanditLog) -> Values:
        """Its probabilities of each item in each row, `(n, A)`; `EvaluationError` where items differ."""
        if log.ids != self._log.ids:
            raise EvaluationError("the two logs are of different items; give logs of one campaign")
        return self._probabilities(log)

    def fit(self) -> TargetFit:
        """How well the estimate fits the policy's own log."""
        estimated = self._probabilities(self._log)[np.arange(len(self._log.item)), self._log.item]
        logged = self._log.propensity
        ratio = estimated / logged
        varies = np.ptp(logged) and np.ptp(estimated)
        correlation = float(np.corrcoef(estimated, logged)[0, 1]) if varies else float("nan")
        return TargetFit(correlation, float(ratio.mean()), float(np.median(ratio)))

    def _probabilities(self, log: BanditLog) -> Values:
        chances = np.zeros(log.affinity.shape)
        for item in range(len(log.ids)):
            chosen = self._log.item == item
            for place in np.unique(log.position):
                rows = np.flatnonzero(log.position == place)
                estimates = self._between(np.flatnonzero(chosen & (self._log.position == place)), rows, log)
                nowhere = np.isnan(estimates)
                estimates[nowhere] = self._between(np.flatnonzero(chosen), rows[nowhere], log)
                chances[rows, item] = np.nan_to_num(estimates)
        sums = chances.sum(axis=1, keepdims=True)
        shares: Values = np.divide(chances, sums, out=np.full_like(chances, 1 / len(log.ids)), where=sums > 0)
        return shares

    def _between(self, sources: Indices, rows: Indices, log: BanditLog) -> Values:
        """Propensities `(m,)` at the times of these rows, from the sources; no row counts for itself."""
        if not len(sources):
            return np.full(len(rows), np.nan)
        sources = sources[np.argsort(self._log.time[sources], kind="stable")]
        times, propensity = self._log.time[sources], self._log.propensity[sources]
        after = np.searchsorted(times, log.time[rows])
        before = after - 1
        if log is self._log:
            place = {row: n for n, row in enumerate(sources.tolist())}
            own = np.array([place.get(row, -1) for row in rows.tolist()], dtype=np.intp)
            before, after = np.where(own >= 0, own - 1, before), np.where(own >= 0, own + 1, after)
        first, last = before >= 0, after < len(sources)
        before, after = np.maximum(before, 0), np.minimum(after, len(sources) - 1)
        gap = times[after] - times[before]
        share = np.divide(log.time[rows] - times[before], gap, out=np.full(len(rows), 0.5), where=gap > 0)
        share = np.where(first & last, share, np.where(first, 0.0, 1.0))
        estimates = 1 / ((1 - share) / propensity[before] + share / propensity[after])
        return np.where(first | last, estimates, np.nan)


def read_open_bandit(path: Path) -> BanditLog:
    """The log in a folder, or in a file such as men.csv, with the item_context.csv beside it.

    Errors: `EvaluationError` where a file or a column is missing or holds what it must not.
    """
    file, context = _files(path)
    try:
        rows, catalogue = pl.read_csv(file, infer_schema_length=None), pl.read_csv(context)
        items = catalogue.sort("item_id")
        at = pl.col("timestamp").str.to_datetime(time_zone="UTC").dt.epoch("us") / 1e6
        base = rows.select(at, *COLUMNS[1:])
        ids = items["item_id"].to_list()
        affinity = rows.select(f"{AFFINITY}{item}" for item in ids).to_numpy().astype(np.float32)
        number = base["item_id"].replace_strict(ids, range(len(ids)), return_dtype=pl.Int64)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise EvaluationError(f"{file} is no log in the format of Open Bandit ({error})") from error
    time, _, position, click, propensity = (base[name].to_numpy() for name in COLUMNS)
    if not len(base) or not ((propensity > 0) & (propensity <= 1)).all() or position.min() < 1:
        raise EvaluationError(f"{file} needs rows with propensities over 0, at most 1, and positions from 1")
    features = _features(items)
    return BanditLog(
        ids=tuple(map(str, ids)),
        item=number.to_numpy().astype(np.intp),
        position=position.astype(np.intp) - 1,
        click=click.astype(np.float64),
        propensity=propensity.astype(np.float64),
        time=time,
        affinity=affinity,
        items=features.to_numpy().astype(np.float64),
        names=tuple(features.columns),
    )


def _files(path: Path) -> tuple[Path, Path]:
    """The log and the table of its items."""
    if path.is_dir():
        logs = [file for file in sorted(path.glob("*.csv")) if file.name != CONTEXT]
        if len(logs) != 1:
            raise EvaluationError(f"{path} has {len(logs)} logs (*.csv); name the one to read")
        path = logs[0]
    return path, path.with_name(CONTEXT)


def _features(items: pl.DataFrame) -> pl.DataFrame:
    """A column for each number, in standard deviations, and for each value of the others."""
    columns = [name for name in items.columns if name.startswith(FEATURE)]
    numbers = [name for name in columns if items[name].dtype.is_numeric()]
    named = items.select(name for name in columns if name not in numbers).to_dummies()
    scaled = items.select((pl.col(name) - pl.mean(name)) / pl.std(name).clip(1e-9) for name in numbers)
    return pl.concat([scaled, named], how="horizontal")
