"""Learns weights from clicks, and judges whether they are better than the weights in force.

Slopes are pulled towards the weights in force, so the strongest pull is the present ranking. The strength of
the pull is chosen by cross-validation over units; each fold is judged with the strength chosen on the other
folds.

A ranking does not depend on the size of its weights. So the sum of the segments' weights stays as it is, and
diversity and the temperature of exploration keep their meaning.

Laws (tests/ranking/learning/test_weights.py):
- the weights by which simulated shoppers click are recovered, nearer than without the click model's places;
- clicks without preference, and clicks by the weights in force, give no improvement;
- the same rows give the same result; the rows of a unit are in one fold;
- the sum of the segments' weights stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.learning.clicks import PLACES, ClickModel, Design, design, fit
from vlclip.ranking.learning.comparison import (
    FigurePair,
    auc_by_units,
    by_units,
    calibration_error,
    dcg,
    log_loss,
    top_ctr,
)
from vlclip.ranking.learning.rows import LEAST_SPREAD, ItemRows
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import SEED, Figure

STRENGTHS = (0.0003, 0.003, 0.03, 0.3, 3.0, math.inf)
"""The pulls towards the weights in force that are compared."""
FOLDS = 10
CLICKS_EACH = 20
"""Clicks needed for each fitted number: Harrell, Regression Modeling Strategies, 2015, section 4.4."""
UNITS = 50
"""Shoppers with clicks needed: with fewer, the intervals by shopper are too narrow."""
CONDITION = 30.0
"""Condition index from which features are collinear: Belsley, Kuh & Welsch, Regression Diagnostics, 1980."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlattCalibration:
    """How well predicted probabilities of clicks hold on held-out lists, before and after a correction.

    Corrected log-odds are `slope` times the predicted ones, plus `shift` (Platt 1999).
    """

    slope: float
    shift: float
    brier: float
    corrected_brier: float
    ece: float
    corrected_ece: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedWeights:
    """Learned `weights` by feature, in the size of those in force, with 95 % intervals.

    `figures` are of held-out lists: log_loss, auc, dcg, top_ctr. `examination` is by kind of list and first
    place, from 1, relative to the most examined place. `strength` is infinite if the clicks support no
    departure from the weights in force.
    """

    weights: dict[str, Figure]
    strength: float
    figures: dict[str, FigurePair]
    calibration: PlattCalibration
    examination: dict[str, dict[int, float]]

    @property
    def is_better(self) -> bool:
        """Whether they predict the clicks of held-out shoppers better than the weights in force do."""
        return not math.isinf(self.strength) and self.figures["log_loss"].difference.high < 0


def check(rows: ItemRows, whole: Design) -> None:
    """Raise an `EvaluationError` with the reason if these rows are too few or too alike to learn from."""
    if len(rows.names) < 2 or not rows.segments.any():
        raise EvaluationError(
            f"there is nothing to weigh: of the parts of scores {', '.join(rows.names) or 'none'} can be "
            "learned about, and no other; give two or more a weight over 0 and log lists again"
        )
    if not rows.target[rows.segments].sum():
        raise EvaluationError("the base arm gives no weight to any segment; name another one with --arm")
    if constant := [name for name, size in zip(rows.names, whole.spread, strict=True) if size < LEAST_SPREAD]:
        raise EvaluationError(
            f"{' and '.join(constant)} does not vary within any usable list; log lists where it does"
        )
    examinations = len(np.unique(whole.examination))
    fitted = 2 * len(rows.names) + len(np.unique(rows.kind)) + examinations
    clicks, units = int(rows.clicked.sum()), len(np.unique(rows.unit[rows.clicked]))
    if clicks < CLICKS_EACH * fitted or units < UNITS:
        raise EvaluationError(
            f"{clicks} clicks of {units} shoppers are too few: {fitted} numbers are fitted (weights, means, "
            f"places), which needs {CLICKS_EACH * fitted} clicks, {CLICKS_EACH} each, of {UNITS} shoppers; "
            "log for longer"
        )
    alike = np.corrcoef(whole.within, rowvar=False)
    sizes, directions = np.linalg.eigh(alike)
    if sizes[-1] > CONDITION**2 * max(sizes[0], 1e-12):
        share = np.abs(directions[:, 0])
        names = [name for name, size in zip(rows.names, share, strict=True) if size > 0.3 * share.max()]
        raise EvaluationError(
            f"{' and '.join(names)} say the same of all items that were shown, so their weights cannot be "
            "told apart; take one of them out of the arm, or log lists with exploration"
        )


def learn(
    rows: ItemRows,
    *,
    folds: int = FOLDS,
    seed: int = SEED,
    progress: Callable[[float], None] = lambda _: None,
) -> LearnedWeights:
    """The weights that predict clicks best, and how they compare with those in force (`rows.target`).

    `progress` is called with the finished share. `EvaluationError` if the rows do not suffice or no segment
    attracts clicks.
    """
    whole = design(rows)
    check(rows, whole)
    fold = folds_of(rows.unit, folds, seed)
    models, log_ps = [], np.empty((len(STRENGTHS), len(fold)))
    for number in range(folds):
        is_held_out = fold == number
        models.append([fit(whole.take(~is_held_out), rows.target, strength) for strength in STRENGTHS])
        log_ps[:, is_held_out] = [model.log_probability(whole.take(is_held_out)) for model in models[-1]]
        progress((number + 1) / folds)
    losses = np.stack([np.bincount(fold, log_loss(number, whole.clicked), folds) for number in log_ps])
    elsewhere = np.argmin(losses.sum(axis=1, keepdims=True) - losses, axis=0)
    best = int(np.argmin(losses.sum(axis=1)))
    log_p = np.take_along_axis(log_ps, elsewhere[fold][None], axis=0)[0]
    fold_models = [models[number][elsewhere[number]] for number in range(folds)]
    model = fit(whole, rows.target, STRENGTHS[best])
    weights = scaled(model.slopes, rows)
    if np.isnan(weights).any():
        raise EvaluationError(
            "no segment attracts clicks here: items nearer to the question were not clicked more; see that "
            "events carry the request_id of their list, or log for longer"
        )
    left_out = np.stack([scaled(models[number][best].slopes, rows) for number in range(folds)])
    return LearnedWeights(
        weights={
            name: _jackknife(weight, column)
            for name, weight, column in zip(rows.names, weights, left_out.T, strict=True)
        },
        strength=STRENGTHS[best],
        figures=_predictions(rows, whole, log_ps[-1], log_p) | _orders(rows, whole, fold, fold_models),
        calibration=_calibration(log_p, whole.clicked, fold),
        examination=_examination(rows, whole, model),
    )


def folds_of(unit: Indices, folds: int, seed: int = SEED) -> Indices:
    """The fold of each row, `(n,)`, by its unit, from 0; the sizes of folds differ by at most one unit."""
    fold_numbers = np.random.default_rng(seed).permutation(int(unit.max()) + 1) % folds
    return np.asarray(fold_numbers, dtype=np.intp)[unit]


def scaled(slopes: Values, rows: ItemRows) -> Values:
    """Slopes `(d,)` as weights with the segments' sum in force; NaN if the segments' slopes are 0."""
    size = slopes[rows.segments].sum()
    weights: Values = slopes * (rows.target[rows.segments].sum() / size if size > 0 else math.nan)
    return weights


def _predictions(rows: ItemRows, whole: Design, in_force: Values, learned: Values) -> dict[str, FigurePair]:
    """How well held-out clicks were predicted, from the logarithms of their probabilities."""
    losses = [log_loss(log_p, whole.clicked) for log_p in (in_force, learned)]
    return {
        "log_loss": by_units(losses[0], losses[1], rows.unit),
        "auc": auc_by_units(in_force, learned, whole.clicked, rows.unit),
    }


def _orders(
    rows: ItemRows, whole: Design, fold: Indices, models: Sequence[ClickModel]
) -> dict[str, FigurePair]:
    """DCG and CTR of held-out lists, by the weights in force and by those learned on the other folds."""
    in_force = whole.within @ rows.target
    learned = (whole.within * np.stack([model.slopes for model in models])[fold]).sum(axis=1)
    examination = np.exp(np.stack([model.log_examination for model in models])[fold, whole.examination])
    unit = rows.unit[np.unique(rows.list, return_index=True)[1]]

    def compared(measure: Callable[[Values, Values, Values, Indices], Values]) -> FigurePair:
        before, after = (
            measure(scores, whole.clicked, examination, rows.list) for scores in (in_force, learned)
        )
        return by_units(before, after, unit)

    return {"dcg": compared(dcg), "top_ctr": compared(top_ctr)}


def _jackknife(value: float, left_out: Values) -> Figure:
    """A figure with its interval from the values without one group of units each, `(groups,)`.

    Shao & Tu, The Jackknife and Bootstrap, 1995, section 2.3; t, since the groups are few.
    """
    groups = len(left_out)
    error = math.sqrt((groups - 1) * left_out.var())
    reach = float(t.ppf(0.975, groups - 1)) * error
    return Figure(float(value), max(float(value) - reach, 0.0), float(value) + reach)


def _calibration(log_p: Values, clicked: Values, fold: Indices) -> PlattCalibration:
    """The calibration; each fold is corrected by a fit to the other folds."""
    odds = logit(np.exp(log_p))[:, None]
    corrected = np.empty(len(odds))
    for number in np.unique(fold):
        is_held_out = fold == number
        platt = LogisticRegression(C=np.inf).fit(odds[~is_held_out], clicked[~is_held_out])
        corrected[is_held_out] = platt.predict_proba(odds[is_held_out])[:, 1]
    platt = LogisticRegression(C=np.inf).fit(odds, clicked)
    probabilities = np.exp(log_p)
    return PlattCalibration(
        slope=float(platt.coef_[0, 0]),
        shift=float(platt.intercept_[0]),
        brier=float(brier_score_loss(clicked, probabilities)),
        corrected_brier=float(brier_score_loss(clicked, corrected)),
        ece=calibration_error(probabilities, clicked),
        corrected_ece=calibration_error(corrected, clicked),
    )


def _examination(rows: ItemRows, whole: Design, model: ClickModel) -> dict[str, dict[int, float]]:
    """Examination by kind and first place, over the largest of the kind, of places in the rows."""
    by_kind: dict[str, dict[int, float]] = {}
    for kind, name in enumerate(rows.kinds):
        numbers = np.unique(whole.examination[rows.kind == kind])
        examination = np.exp(model.log_examination[numbers])
        places = PLACES[numbers - kind * len(PLACES)] + 1
        by_kind[name] = dict(
            zip(places.tolist(), (examination / examination.max(initial=0.0)).tolist(), strict=True)
        )
    return by_kind
