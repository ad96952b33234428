"""Logs in the format of the Open Bandit Dataset: single choices, with their propensities.

Saito, Aihara, Matsutani & Narita, "Open Bandit Dataset and Pipeline: Towards Realistic and Reproducible
Off-Policy Evaluation", NeurIPS Datasets and Benchmarks 2021. Two policies ran at the same time: one chose
uniformly at random, the other (`bts`) by Bernoulli Thompson sampling, which learned as it went.

A target is any callable from a log to the probability `(n, A)` of each of the A items in each of its n rows.
Of a policy that was logged only what it chose has a propensity, so what it would have chosen at another
moment is an estimate: `EstimatedPolicy`. How good that is, `reproduced` says; every figure that rests on it
is an estimate of an estimate.

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
        """What estimators read, for a target `(n, A)`; `EvaluationError` where it gives no probabilities."""
        if target.shape != self.affinity.shape or not (target >= 0).all():
            raise EvaluationError(f"a target has to give probabilities of shape {self.affinity.shape}")
        if not np.allclose(target.sum(axis=1), 1, atol=1e-6):
            raise EvaluationError("a target's probabilities have to sum to 1 over the items in every row")
        own = target[np.arange(len(self.item)), self.item]
        return Choices(reward=self.click, propensity=self.propensity, target=own)

    def features(self, rows: slice = slice(None)) -> Values:
        """What a reward model may know of every item in these rows, `(m, A, f + 1 + places)`.

        What is known of the item, the user's affinity to it, and 1 for the place among all places.
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
class Reproduced:
    """How an estimated policy tells the propensities of its own log, each row from the others.

    The correlation, and the mean and the median ratio of what is told and what was logged.
    """

    correlation: float
    mean_ratio: float
    median_ratio: float


class EstimatedPolicy:
    """A policy as its log lets one guess it: `EstimatedPolicy(bts)(other)` is a target `(n, A)`.

    The probability of an item at a place and time is taken from the logged propensities of this item at this
    place next before and next after, in between by the weighted harmonic mean; where there is none at this
    place, at any place; 0 for an item that was never chosen. Then each row is divided by its sum. Harmonic,
    since a policy logs its propensities at moments when they are high: over time a mean of 1 / propensity
    undoes that.
    """

    def __init__(self, log: BanditLog) -> None:
        self._log = log

    def __call__(self, log: BanditLog) -> Values:
        """Its probabilities of each item in each row, `(n, A)`; `EvaluationError` where items differ."""
        if log.ids != self._log.ids:
            raise EvaluationError("the two logs are of different items; give logs of one campaign")
        return self._told(log)

    def reproduced(self) -> Reproduced:
        """How well it tells its own log."""
        told = self._told(self._log)[np.arange(len(self._log.item)), self._log.item]
        logged = self._log.propensity
        ratio = told / logged
        varies = np.ptp(logged) and np.ptp(told)
        correlation = float(np.corrcoef(told, logged)[0, 1]) if varies else float("nan")
        return Reproduced(correlation, float(ratio.mean()), float(np.median(ratio)))

    def _told(self, log: BanditLog) -> Values:
        told = np.zeros(log.affinity.shape)
        for item in range(len(log.ids)):
            chosen = self._log.item == item
            for place in np.unique(log.position):
                rows = np.flatnonzero(log.position == place)
                found = self._between(np.flatnonzero(chosen & (self._log.position == place)), rows, log)
                nowhere = np.isnan(found)
                found[nowhere] = self._between(np.flatnonzero(chosen), rows[nowhere], log)
                told[rows, item] = np.nan_to_num(found)
        sums = told.sum(axis=1, keepdims=True)
        shares: Values = np.divide(told, sums, out=np.full_like(told, 1 / len(log.ids)), where=sums > 0)
        return shares

    def _between(self, sources: Indices, rows: Indices, log: BanditLog) -> Values:
        """The propensity `(m,)` at the times of these rows, by the sources'; no row is told by itself."""
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
        found = 1 / ((1 - share) / propensity[before] + share / propensity[after])
        return np.where(first | last, found, np.nan)


def read_open_bandit(path: Path) -> BanditLog:
    """The log in a folder, or in a file such as men.csv, with the item_context.csv beside it.

    Errors: `EvaluationError` where a file or a column is missing or holds what it must not.
    """
    file, context = _files(path)
    try:
        rows, known = pl.read_csv(file, infer_schema_length=None), pl.read_csv(context)
        items = known.sort("item_id")
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
    """The log and what is known of its items."""
    if path.is_dir():
        found = [one for one in sorted(path.glob("*.csv")) if one.name != CONTEXT]
        if len(found) != 1:
            raise EvaluationError(f"{path} has {len(found)} logs (*.csv); name the one to read")
        path = found[0]
    return path, path.with_name(CONTEXT)


def _features(items: pl.DataFrame) -> pl.DataFrame:
    """A column for each number, in standard deviations, and for each value of the others."""
    columns = [name for name in items.columns if name.startswith(FEATURE)]
    numbers = [name for name in columns if items[name].dtype.is_numeric()]
    named = items.select(name for name in columns if name not in numbers).to_dummies()
    scaled = items.select((pl.col(name) - pl.mean(name)) / pl.std(name).clip(1e-9) for name in numbers)
    return pl.concat([scaled, named], how="horizontal")
