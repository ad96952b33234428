"""The position-based click model: an item is clicked if its place is examined and the item attracts.

    P(click) = examination(kind, place) · attraction(item)
    log-odds of attraction = Σ slope · (feature less its mean in the list) + Σ other · mean + level(kind)

Craswell et al., An experimental comparison of click position-bias models, WSDM 2008. Both factors are
fitted together by maximum likelihood, as in Wang et al., Position bias estimation for unbiased learning to
rank in personal search, WSDM 2018, but with gradients instead of EM; the likelihood is the same. Only
differences within a list can change its order. So the mean over the list has a slope of its own (Mundlak, On
the pooling of time series and cross section data, 1978): lists with more clicks for other reasons have no
influence.

Laws (tests/ranking/learning/test_clicks.py):
- the gradient is that of the loss;
- slopes are never below 0; examination lies in (0, 1];
- at infinite strength slopes have the proportions of the target; at lower strength they follow the data;
- from clicks drawn from the model, the fit recovers its slopes and its examination.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.learning.rows import ItemRows, list_means
from vlclip.ranking.statistics.arrays import Indices, Values

PLACES = np.array([*range(10), 10, 20, 50])
"""Places, from 0, at which a new examination begins: each of the first ten, then 11, 21 and 51 on."""
LOG_SPREAD = 2.0
"""Prior standard deviation of log examination; it decides where there are no clicks."""
CERTAIN = -1e-12
"""The largest log probability; below 0, so that no click stays possible."""


@dataclass(frozen=True, slots=True)
class Design:
    """The input of the model for n items.

    `within` `(n, d)` are features less their list's mean, `controls` `(n, c)` the standardised means and a
    column for each kind of list. `examination` `(n,)` is the number of the item's examination, from 0 to
    `examinations` - 1; `spread` `(d,)` is the standard deviation of `within`.
    """

    within: Values
    controls: Values
    examination: Indices
    clicked: Values
    spread: Values
    examinations: int

    def take(self, rows: NDArray[np.bool_]) -> Design:
        """The design of some rows."""
        return Design(
            self.within[rows], self.controls[rows], self.examination[rows], self.clicked[rows], self.spread,
            self.examinations,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClickModel:
    """Slopes `(d,)` in log-odds per unit of feature, slopes of the controls `(c,)`, and log examination."""

    slopes: Values
    controls: Values
    log_examination: Values

    def log_probability(self, design: Design) -> Values:
        """The logarithm of each item's probability of a click, `(n,)`, below 0."""
        odds = design.within @ self.slopes + design.controls @ self.controls
        log_p: Values = np.minimum(log_expit(odds) + self.log_examination[design.examination], CERTAIN)
        return log_p


def design(rows: ItemRows) -> Design:
    """The input of the model for these rows."""
    means = list_means(rows.features, rows.list)
    within = rows.features - means
    scale = means.std(axis=0)
    means = np.divide(means - means.mean(axis=0), scale, out=np.zeros_like(means), where=scale > 1e-9)
    kinds = np.eye(len(rows.kinds))[rows.kind]
    return Design(
        within=within,
        controls=np.hstack([means, kinds]),
        examination=rows.kind * len(PLACES) + examination_of(rows.place),
        clicked=rows.clicked.astype(np.float64),
        spread=within.std(axis=0),
        examinations=len(rows.kinds) * len(PLACES),
    )


def examination_of(place: Indices) -> Indices:
    """The number of the examination of each place; both count from 0."""
    return np.searchsorted(PLACES, place, side="right") - 1


def fit(rows: Design, target: Values, strength: float) -> ClickModel:
    """The most probable model, with slopes of at least 0, pulled towards the proportions of `target` `(d,)`.

    `strength` is that of the pull, relative to the clicks; at infinity only the size of the target's slopes
    is fitted. `EvaluationError` if the fit does not converge.
    """
    if math.isinf(strength):
        along = rows.within @ target[:, None]
        model = fit(
            Design(
                along, rows.controls, rows.examination, rows.clicked, along.std(axis=0), rows.examinations
            ),
            np.ones(1),
            0.0,
        )
        return ClickModel(model.slopes[0] * target, model.controls, model.log_examination)
    loss = Loss(rows, target, strength)
    fitted = minimize(
        loss, loss.start(), jac=True, method="L-BFGS-B", bounds=loss.bounds(),
        options={"maxiter": 2000, "maxcor": 20, "ftol": 1e-11, "gtol": 1e-7},
    )  # fmt: skip
    if not np.isfinite(fitted.fun) or fitted.status == 1:
        raise EvaluationError(f"the click model could not be fitted ({fitted.message}); give it more clicks")
    return loss.model(fitted.x)


class Loss:
    """The mean negative log-posterior and its gradient at a point.

    A point is slopes `(d,)` in units of their feature's spread, controls `(c,)`, log examinations `(p,)`,
    and the size of the target that slopes are pulled to.
    """

    def __init__(self, rows: Design, target: Values, strength: float) -> None:
        self._rows = rows
        self._spread = np.where(rows.spread > 0, rows.spread, 1.0)
        self._columns = np.hstack([rows.within / self._spread, rows.controls])
        aim = target * self._spread
        self._aim = aim / (np.linalg.norm(aim) or 1.0)
        self._pull = strength * max(rows.clicked.sum(), 1.0)

    def __call__(self, point: Values) -> tuple[float, Values]:
        """The loss and its gradient."""
        rows, columns, d = self._rows, self._columns, len(self._aim)
        linear, log_examination = point[: columns.shape[1]], point[columns.shape[1] : -1]
        odds = columns @ linear
        log_p = np.minimum(log_expit(odds) + log_examination[rows.examination], CERTAIN)
        no_click = -np.expm1(log_p)
        departure = linear[:d] - point[-1] * self._aim
        loss = -(rows.clicked * log_p + (1 - rows.clicked) * np.log(no_click)).sum()
        loss += self._pull / 2 * (departure @ departure) + (log_examination @ log_examination) / (
            2 * LOG_SPREAD**2
        )
        by_log_p = (1 - no_click - rows.clicked) / no_click
        by_linear = columns.T @ (by_log_p * expit(-odds))
        by_linear[:d] += self._pull * departure
        by_seen = np.bincount(rows.examination, by_log_p, rows.examinations) + log_examination / LOG_SPREAD**2
        by_size = -self._pull * (departure @ self._aim)
        return float(loss / len(odds)), np.hstack([by_linear, by_seen, by_size]) / len(odds)

    def start(self) -> Values:
        """A start without slopes, with every place examined, and with the observed rate of clicks."""
        rows = self._rows
        rate = np.clip(rows.clicked.mean(), 1e-4, 0.9)
        kinds = rows.examinations // len(PLACES)
        point = np.zeros(self._columns.shape[1] + rows.examinations + 1)
        point[self._columns.shape[1] - kinds : self._columns.shape[1]] = np.log(rate / (1 - rate))
        return point

    def bounds(self) -> list[tuple[float | None, float | None]]:
        """Slopes and size from 0 up, examination up to 1."""
        rows, up = self._rows, (0.0, None)
        free = [(None, None)] * rows.controls.shape[1]
        return [*[up] * len(self._aim), *free, *[(None, 0.0)] * rows.examinations, up]

    def model(self, point: Values) -> ClickModel:
        """The model at a point."""
        d, c = len(self._aim), self._columns.shape[1]
        return ClickModel(point[:d] / self._spread, point[d:c], point[c:-1])
