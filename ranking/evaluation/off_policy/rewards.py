"""Reward models for the doubly robust estimators: each row is predicted by a model that never saw its unit.

Folds are of whole units, so no reward of its own unit has a part in the prediction of a row: cross-fitting,
Chernozhukov et al., Double/debiased machine learning for treatment and structural parameters, The
Econometrics Journal 2018.

Laws (tests/ranking/evaluation/off_policy/test_rewards.py):
- the rewards of a unit do not change the predictions for that unit;
- for rewards drawn from a model, the predictions are those of that model;
- the same log and seed give the same models.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.statistics.arrays import Indices, Values

FOLDS = 3
SEED = 7
FEW = 200
"""With fewer rewards of the rarer kind, 0 or not, models are linear: trees would overfit."""
TREES: dict[str, Any] = {
    "max_iter": 60,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 100,
    "l2_regularization": 10.0,
    "early_stopping": False,
}
LEARN = 10_000
"""Lists of the other folds from which the value of the places below is learned, which has no click noise."""
CERTAIN = 1e-6
"""Where the others together have a smaller chance than this, they count alike."""
ALONE = 100_000
"""Models of fewer rows are fitted by one thread: others wait for each other longer than they work."""
AT_ONCE = 200_000
"""Candidates whose features are copied in one block."""


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """A model for each fold, trained on the others; `fold` `(n,)` is that of each row of the log."""

    models: tuple[Any, ...]
    fold: Indices

    def predict(self, features: Values, row: Indices) -> Values:
        """The reward to expect `(m,)` of features `(m, d)`, by the model that did not see their row's unit.

        `row` `(m,)` says which row of the log each belongs to.
        """
        out = np.empty(len(features))
        for fold, model in enumerate(self.models):
            in_fold = self.fold[row] == fold
            if in_fold.any():
                out[in_fold] = _expected(model, features[in_fold])
        return out


def cross_fit(
    features: Values,
    reward: Values,
    unit: Indices,
    *,
    folds: int = FOLDS,
    seed: int = SEED,
    model: Any = None,
) -> CrossFitted:
    """Models of the rewards `(n,)` by features `(n, d)`, in folds by unit `(n,)`.

    `model` is a scikit-learn classifier, for rewards of 0 and 1, or regressor; by default boosted trees, or a
    linear one where there are few clicks. There are no more folds than units. Errors: `EvaluationError`.
    """
    if not features.shape[:1] == reward.shape == unit.shape:
        raise EvaluationError(
            f"features {features.shape}, rewards {reward.shape} and units {unit.shape} differ in rows; give "
            "each row one of each"
        )
    fold = _folds(unit, folds, seed)
    blank = _blank(model, reward, seed)
    with _threads(len(features)):
        models = [
            _fitted(blank, features[fold != test], reward[fold != test]) for test in range(fold.max() + 1)
        ]
    return CrossFitted(tuple(models), fold)


def cascade_model(
    features: Values,
    chosen: Indices,
    reward: Values,
    filled: NDArray[np.bool_],
    target_next: Values,
    unit: Indices,
    *,
    folds: int = FOLDS,
    seed: int = SEED,
    model: Any = None,
) -> tuple[Values, Values]:
    """`predicted` and `baseline` of a `ListLog`, each `(n, K)`, from models that did not see a list's unit.

    `features` `(n, C, d)` describe the candidates in their context, `chosen` `(n, K)` says which of them
    stood at each place, `target_next` `(n, K, C)` is the target policy's probability of each for this place,
    given the logged items above it. Their values for places that are not `filled` do not count.

    The reward of a place comes from one model for all places, with the place as its last feature, since
    clicks are few. What the target policy earns below is fitted backwards from the last place, by ridge
    regression of the next place's baseline on the features and on what the next place alone earns by
    Plackett-Luce: fitted Q evaluation, Le, Voloshin & Yue, Batch policy learning under constraints, ICML
    2019. Errors: `EvaluationError`.
    """
    n, candidates, _ = features.shape
    shape = (n, reward.shape[-1])
    if not chosen.shape == reward.shape == filled.shape == shape or unit.shape != (n,):
        raise EvaluationError(
            f"chosen {chosen.shape}, reward {reward.shape}, filled {filled.shape} and unit {unit.shape} do "
            f"not fit {n} lists; give each one row a list"
        )
    if target_next.shape != (*shape, candidates):
        raise EvaluationError(f"target_next is {target_next.shape}; give it {(*shape, candidates)}")
    lists, places = np.nonzero(filled)
    placed = np.column_stack([features[lists, chosen[filled]], places])
    fold = _folds(unit, folds, seed)
    blank = _blank(model, reward[filled], seed)
    predicted, baseline = np.zeros(shape), np.zeros(shape)
    rng = np.random.default_rng(seed)
    for test in range(fold.max() + 1):
        training = fold[lists] != test
        with _threads(len(placed)):
            own = _fitted(blank, placed[training], reward[filled][training])
        learn = rng.permutation(np.flatnonzero(fold != test))[:LEARN]
        rows = np.concatenate([learn, np.flatnonzero(fold == test)])
        with _threads(len(placed)):
            columns = _backwards(
                own, features[rows], chosen[rows], filled[rows], target_next[rows], learn=len(learn)
            )
        predicted[fold == test], baseline[fold == test] = (values[len(learn) :] for values in columns)
    return predicted, baseline


def _backwards(
    own: Any, features: Values, chosen: Indices, filled: NDArray[np.bool_], target_next: Values, *, learn: int
) -> tuple[Values, Values]:
    """`predicted` and `baseline` of all lists; the values below are learned from the first `learn`."""
    predicted, baseline = np.zeros(chosen.shape), np.zeros(chosen.shape)
    after = np.zeros(features.shape[:2])
    for place in range(chosen.shape[1] - 1, -1, -1):
        here = np.flatnonzero(filled[:, place])
        stood = np.arange(len(here)), chosen[here, place]
        alone = value = _own_rewards(own, features, here, place)
        # the length of a list is fixed, so the value below is learned for each place left
        places_left = filled[here, place + 1 :].sum(axis=1)
        taught = np.flatnonzero((places_left > 0) & (here < learn))
        if len(taught):
            coming = _next(after[here], target_next[here, place])
            described = np.concatenate([features[here], coming[:, :, None]], axis=2)
            below = _fitted(
                make_pipeline(StandardScaler(), Ridge()),
                described[stood][taught],
                baseline[here[taught], place + 1] / places_left[taught],
            )
            value = alone + _of_candidates(below, described) * places_left[:, None]
        predicted[here, place] = value[stood]
        baseline[here, place] = (target_next[here, place] * value).sum(axis=1)
        after[here] = alone
    return predicted, baseline


def _next(value: Values, chance: Values) -> Values:
    """What the next place earns `(lists, C)` after each candidate: the others' mean by their chances.

    `value` and `chance` `(lists, C)` are the candidates' rewards at the next place and chances for this one.
    By Plackett-Luce the chances of the others grow in proportion; where they have none, all count alike.
    """
    of_others = 1 - chance
    others = (chance * value).sum(axis=1, keepdims=True) - chance * value
    alike = (value.sum(axis=1, keepdims=True) - value) / max(1, value.shape[1] - 1)
    out: Values = np.where(of_others > CERTAIN, others / np.maximum(of_others, CERTAIN), alike)
    return out


def _own_rewards(model: Any, features: Values, lists: Indices, place: int) -> Values:
    """What each candidate would earn at this place, `(lists, C)`, a block of lists at a time."""
    out = np.empty((len(lists), features.shape[1]))
    size = max(1, AT_ONCE // features.shape[1])
    for start in range(0, len(lists), size):
        block = features[lists[start : start + size]]
        rows = block.reshape(-1, block.shape[2])
        placed = np.column_stack([rows, np.full(len(rows), place)])
        out[start : start + size] = _expected(model, placed).reshape(len(block), -1)
    return out


def _of_candidates(model: Any, features: Values) -> Values:
    """A model's expectation for each candidate `(lists, C)` of features `(lists, C, d)`."""
    return _expected(model, features.reshape(-1, features.shape[2])).reshape(features.shape[:2])


def _threads(rows: int) -> AbstractContextManager[object]:
    """One thread of OpenMP's for few rows; as many as there are for more."""
    return threadpool_limits(1, user_api="openmp") if rows < ALONE else nullcontext()


def _folds(unit: Indices, folds: int, seed: int) -> Indices:
    """The fold of each row: units are dealt at random, equally many to each fold."""
    units, number = np.unique(unit, return_inverse=True)
    if folds < 2 or len(units) < 2:
        raise EvaluationError(
            f"{len(units)} units in {folds} folds leave nothing to learn from; give at least two of each"
        )
    dealt: Indices = np.random.default_rng(seed).permutation(len(units)) % folds
    return dealt[number]


def _blank(model: Any, reward: Values, seed: int) -> Any:
    """The model to fit: the given one, or one that suits the rewards and their number."""
    clicks = bool(np.isin(reward, (0, 1)).all())
    if model is not None:
        if is_classifier(model) and not clicks:
            raise EvaluationError("a classifier is for rewards of 0 and 1; give a regressor")
        return model
    earned = np.count_nonzero(reward)
    if min(earned, len(reward) - earned) < FEW if clicks else earned < FEW:
        linear = LogisticRegression(C=0.1) if clicks else Ridge(alpha=10.0)
        return make_pipeline(StandardScaler(), linear)
    trees = HistGradientBoostingClassifier if clicks else HistGradientBoostingRegressor
    return trees(**TREES, random_state=seed)


def _fitted(blank: Any, features: Values, reward: Values) -> Any:
    """A trained copy; for equal rewards a constant."""
    if not len(reward):
        raise EvaluationError("all lists but those of a few units are empty; leave empty lists out")
    if np.ptp(reward) == 0:
        return DummyRegressor().fit(features, reward)
    if not np.isfinite(features).all() or not np.isfinite(reward).all():
        raise EvaluationError("features or rewards have values that are not numbers; leave those rows out")
    return clone(blank).fit(features, reward.astype(np.intp) if is_classifier(blank) else reward)


def _expected(model: Any, features: Values) -> Values:
    predicted = model.predict_proba(features)[:, 1] if is_classifier(model) else model.predict(features)
    return np.asarray(predicted, dtype=np.float64)
