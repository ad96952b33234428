"""The log of exposures as arrays: the features of each shown item, and whether it was clicked.

Laws (tests/ranking/learning/test_rows.py):
- the sum of features times weights is the logged score, however often weights were changed;
- a list with an unknown feature is left out and counted with the reason;
- a part that most lists do not know is not learned, and no list is left out because of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.experiments.exposure import Exposure
from vlclip.ranking.experiments.outcome import Logged
from vlclip.ranking.learning.weighing import boosts_of, divisors, is_segment, segment_sum, total
from vlclip.ranking.lists.answer import HISTORY, LEXICAL, POPULAR
from vlclip.ranking.lists.arm import Arm
from vlclip.ranking.statistics.arrays import Indices, Values

ABSENT_PARTS: Mapping[str, frozenset[str]] = {
    "similar": frozenset({LEXICAL}), "recommendations": frozenset({LEXICAL, HISTORY}), "search": frozenset(),
}  # fmt: skip
"""Parts that a kind of list never has; their feature is 0, whatever the weight."""
LEAST_SPREAD = 1e-6
"""A feature with a smaller standard deviation within lists does not vary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRows:
    """Shown items, one row each; the rows of a list stand together, in its order.

    `features` `(n, d)` by `names`, `target` `(d,)` their weights in force, `place` `(n,)` from 0 in the
    ranking. `kind`, `list` and `unit` `(n,)` are numbers from 0; `kinds` names the first.
    """

    names: tuple[str, ...]
    features: Values
    target: Values
    clicked: NDArray[np.bool_]
    place: Indices
    kind: Indices
    list: Indices
    unit: Indices
    kinds: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of lists, shoppers, items shown and items clicked."""
        lists, shoppers = int(self.list.max()) + 1, int(self.unit.max()) + 1
        items, clicked = len(self.clicked), int(self.clicked.sum())
        return {"lists": lists, "shoppers": shoppers, "shown": items, "clicked": clicked}

    @property
    def segments(self) -> NDArray[np.bool_]:
        """Which features are segments of the vectors, `(d,)`."""
        return np.array([is_segment(name) for name in self.names], dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickEvidence:
    """The rows to learn from, and where they come from.

    `reference` are the base arm's weights in force, by name; `segment_sum` is the sum over its segments.
    `unlearned` are the parts that cannot be learned, with the reason; `left_out` are numbers of lists by
    reason. `arms` are numbers of lists by `id@hash`. Times are in seconds since 1970, UTC; `explored` is the
    share of lists with chance in their order.
    """

    rows: ItemRows
    reference: Mapping[str, float]
    unlearned: Mapping[str, str]
    left_out: Mapping[str, int]
    arms: Mapping[str, int]
    since: float
    until: float
    explored: float

    @property
    def segment_sum(self) -> float:
        """The sum of the segments' weights in force."""
        return segment_sum(self.reference)


def evidence(batches: Iterable[Sequence[Logged]], base: Arm, arms: Iterable[Arm] = ()) -> ClickEvidence:
    """The evidence of these lists about the weights of `base`; `EvaluationError` if no list can be used.

    Only lists of a known arm, `base` or one of `arms`, say anything about a boost: the log holds what a boost
    added, not its weight.
    """
    boosts_by_arm = {f"{arm.id}@{arm.hash}": boosts_of(arm) for arm in (*arms, base)}
    own_boosts = boosts_of(base)
    columns: dict[str, int] = {}
    lists: list[_LoggedList] = []
    left_out = Counter[str]()
    for exposure, outcomes in (logged for batch in batches for logged in batch):
        if reason := _unusable(exposure):
            left_out[reason] += 1
            continue
        weights: Mapping[str, float] = exposure.context["weights"]
        part_divisors = divisors(weights, own_boosts, boosts_by_arm.get(exposure.arm, {}))
        for name in part_divisors:
            columns.setdefault(name, len(columns))
        block = np.full((len(exposure.items), len(columns)), np.nan, dtype=np.float32)
        for name, divisor in part_divisors.items():
            if divisor > 0:
                block[:, columns[name]] = [item.parts.get(name, 0.0) / divisor for item in exposure.items]
        clicked = np.array([outcome.clicks > 0 for outcome in outcomes])
        header = replace(exposure, items=(), candidates=(), context={})
        lists.append(_LoggedList(header, tuple(sorted(weights.items())), block, clicked))
    gathered = _gathered(lists, tuple(columns), left_out, base) if lists else None
    if gathered is None:
        reasons = ", ".join(f"{count:,} ({reason})" for reason, count in left_out.items())
        raise EvaluationError(
            f"no list can be learned from; left out: {reasons or 'none, the log has no lists of that time'}"
        )
    return gathered


@dataclass(frozen=True, slots=True)
class _LoggedList:
    """A list without its items, its weights in force, its features (NaN if unknown), and its clicks."""

    header: Exposure
    weights: tuple[tuple[str, float], ...]
    features: NDArray[np.float32]
    clicked: NDArray[np.bool_]


def _unusable(exposure: Exposure) -> str:
    """Why a list says nothing about weights; "" if it does."""
    if not exposure.items:
        return "nothing was shown"
    if not exposure.unit:
        return "shown to nobody in particular"
    if exposure.context.get("strategy") == POPULAR or any(POPULAR in item.parts for item in exposure.items):
        return "popular items, which have no other parts"
    return "" if exposure.context.get("weights") else "logged without the weights in force"


def _gathered(
    lists: Sequence[_LoggedList], names: tuple[str, ...], left_out: Counter[str], base: Arm
) -> ClickEvidence | None:
    """The evidence of the lists whose features are all known; None if there are none."""
    kinds = tuple(sorted({logged.header.kind for logged in lists}))
    kind = np.array([kinds.index(logged.header.kind) for logged in lists])
    sizes = np.array([len(logged.features) for logged in lists])
    ends, of_list = np.cumsum(sizes), np.repeat(np.arange(len(lists)), sizes)
    features = np.full((len(of_list), len(names)), np.nan)
    for end, logged in zip(ends, lists, strict=True):
        features[end - len(logged.features) : end, : logged.features.shape[1]] = logged.features
    has_part = np.array([[name not in ABSENT_PARTS[logged] for name in names] for logged in kinds])[kind]
    features[~has_part[of_list]] = 0.0
    unknown = np.isnan(features[ends - 1])  # alike in all rows of a list
    unlearned = _unlearned(names, features, of_list, unknown, has_part)
    is_learned = np.array([name not in unlearned for name in names])
    for column in np.flatnonzero(is_learned):
        if count := int(unknown[:, column].sum()):
            left_out[f"{names[column]} weighed 0, or the arm is not known"] += count
    whole = ~unknown[:, is_learned].any(axis=1)
    headers = [logged.header for logged, is_whole in zip(lists, whole, strict=True) if is_whole]
    if not headers:
        return None
    is_kept = whole[of_list]
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys(logged.unit for logged in headers))}
    kept_sizes = sizes[whole]
    reference = _reference(lists, base)
    target = reference | {HISTORY: reference.get(HISTORY, 0.0) * segment_sum(reference)}
    return ClickEvidence(
        rows=ItemRows(
            names=tuple(name for name in names if name not in unlearned),
            features=features[is_kept][:, is_learned],
            target=np.array([target.get(name, 0.0) for name in names])[is_learned],
            clicked=np.concatenate([logged.clicked for logged in lists])[is_kept],
            place=np.concatenate(
                [logged.offset + np.arange(n) for logged, n in zip(headers, kept_sizes, strict=True)]
            ),
            kind=kind[of_list][is_kept],
            list=np.repeat(np.arange(len(headers)), kept_sizes),
            unit=np.repeat([numbers[logged.unit] for logged in headers], kept_sizes),
            kinds=kinds,
        ),
        reference=reference,
        unlearned=unlearned,
        left_out=dict(left_out),
        arms=dict(Counter(logged.arm for logged in headers)),
        since=min(logged.time for logged in headers),
        until=max(logged.time for logged in headers),
        explored=sum(logged.temperature > 0 for logged in headers) / len(headers),
    )


def _unlearned(
    names: Sequence[str],
    features: Values,
    of_list: Indices,
    unknown: NDArray[np.bool_],
    has_part: NDArray[np.bool_],
) -> dict[str, str]:
    """The parts that cannot be learned, and why."""
    spread = _spread(features, of_list)
    reasons = {}
    for column, name in enumerate(names):
        if unknown[:, column].sum() * 2 > has_part[:, column].sum():
            reasons[name] = "most lists say nothing of it: it weighed 0, or their arm is not known"
        elif spread[column] < LEAST_SPREAD:
            reasons[name] = "it does not vary within any list"
    return reasons


def _spread(features: Values, of_list: Indices) -> Values:
    """The standard deviation of each feature within lists, `(d,)`, over the rows where it is known."""
    spread = np.zeros(features.shape[1])
    for column, values in enumerate(features.T):
        is_known = ~np.isnan(values)
        if is_known.any():
            within = values[is_known] - list_means(values[is_known, None], of_list[is_known])[:, 0]
            spread[column] = within.std()
    return spread


def list_means(values: Values, of_list: Indices) -> Values:
    """The mean over its list of each column, `(n, d)`, for every row."""
    counts = np.maximum(np.bincount(of_list), 1)
    sums = np.stack([np.bincount(of_list, column) for column in values.T], axis=1)
    means: Values = (sums / counts[:, None])[of_list]
    return means


def _reference(lists: Sequence[_LoggedList], base: Arm) -> dict[str, float]:
    """The weights of most lists, those of the base arm if there are any; and the base arm's boosts."""
    name = f"{base.id}@{base.hash}"
    counts = Counter((logged.header.arm == name, logged.weights) for logged in lists)
    _, most = max(counts, key=lambda option: (option[0], counts[option], option[1]))
    return dict(most) | {part: total(boosts) for part, boosts in boosts_of(base).items()}
