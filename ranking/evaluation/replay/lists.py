"""The lists of a log as arrays, a row each: what was shown, what it was drawn from, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.evaluation.replay.contexts import Context
from vlclip.ranking.evaluation.replay.ranking import place_of
from vlclip.ranking.experiments.outcome import Outcome
from vlclip.ranking.settings import DAY_S
from vlclip.ranking.statistics.arrays import Indices, Values

Reward = Literal["clicks", "carts", "purchases", "value"]
REWARDS: tuple[Reward, ...] = get_args(Reward)
Ids = tuple[tuple[str, ...], ...]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The n lists that were replayed, of up to K places and C candidates; the same for all policies.

    `shown` `(n, K)` says which places were filled, `there` `(n, C)` which candidates there are. `reward` is
    by kind `(n, K)`: whether an item was clicked, how often put in the cart and bought, and what that
    brought. `propensity` and `place_propensity` `(n, K)` are the logging policy's, as in `ListLog`. `chosen`
    `(n, K)` is the candidate at each place, -1 where nothing was shown; `scores` `(n, C)` are those the
    candidates were ranked by when the list was made, best first but for pins. All other columns are `(n,)`:
    `time` in seconds since 1970, UTC, `kind`, `arm` and `unit` numbers from 0, of which `kinds` and `arms`
    name the first two; `words` of a search, 0 for other lists; `is_drawn` where there was chance in it.
    Nobody in particular is another unit in every list.
    """

    request_ids: tuple[str, ...]
    items: Ids
    time: Values
    kind: Indices
    kinds: tuple[str, ...]
    arm: Indices
    arms: tuple[str, ...]
    unit: Indices
    words: Indices
    is_drawn: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    there: NDArray[np.bool_]
    reward: Mapping[Reward, Values]
    propensity: Values
    place_propensity: Values
    chosen: Indices
    scores: Values

    @property
    def day(self) -> NDArray[np.datetime64]:
        """The day of each list `(n,)`, in UTC."""
        days: NDArray[np.datetime64] = (self.time // DAY_S).astype("datetime64[D]")
        return days


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One list, kept while others are read; what it has is as in `Lists`."""

    request_id: str
    items: tuple[str, ...]
    time: float
    kind: str
    arm: str
    unit: str
    words: int
    is_drawn: bool
    reward: Values
    propensity: Values
    place_propensity: Values
    chosen: Indices
    scores: Values


class Same(dict[str, str]):
    """One string for equal ones, of which a log has many."""

    def __missing__(self, one: str) -> str:
        return self.setdefault(one, one)

    def of(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The ids, each equal one the same object."""
        return tuple(self[one] for one in ids)


def row_of(context: Context, outcomes: Sequence[Outcome], ids: Same) -> Row:
    """A list with what came of its items."""
    one = context.exposure
    counted = [(float(o.clicks > 0), float(o.carts), float(o.purchases), o.value) for o in outcomes]
    return Row(
        request_id=one.request_id,
        items=ids.of(context.shown),
        time=one.time,
        kind=one.kind,
        arm=ids[one.arm],
        unit=ids[one.unit],
        words=len(context.text.split()),
        is_drawn=context.is_drawn,
        reward=np.array(counted).T,
        propensity=np.array([shown.propensity for shown in one.items]),
        place_propensity=place_of(context.ranking, context.shown),
        chosen=context.chosen,
        scores=context.scores,
    )


def gathered(rows: Sequence[Row]) -> Lists:
    """Rows as arrays; there is at least one."""
    places, candidates = (
        (len(rows), max(len(r.chosen) for r in rows)),
        (len(rows), max(len(r.scores) for r in rows)),
    )
    kinds, arms = sorted({row.kind for row in rows}), sorted({row.arm for row in rows})
    chosen = np.full(places, -1, dtype=np.intp)
    filled(chosen, [row.chosen for row in rows])
    rewards = np.zeros((len(REWARDS), *places))
    for n, row in enumerate(rows):
        rewards[:, n, : row.reward.shape[1]] = row.reward
    return Lists(
        request_ids=tuple(row.request_id for row in rows),
        items=tuple(row.items for row in rows),
        time=np.array([row.time for row in rows]),
        kind=np.array([kinds.index(row.kind) for row in rows], dtype=np.intp),
        kinds=tuple(kinds),
        arm=np.array([arms.index(row.arm) for row in rows], dtype=np.intp),
        arms=tuple(arms),
        unit=_units([row.unit for row in rows]),
        words=np.array([row.words for row in rows], dtype=np.intp),
        is_drawn=np.array([row.is_drawn for row in rows]),
        shown=chosen >= 0,
        there=filled(
            np.zeros(candidates, dtype=bool), [np.ones(len(row.scores), dtype=bool) for row in rows]
        ),
        reward=dict(zip(REWARDS, rewards, strict=True)),
        propensity=filled(np.ones(places), [row.propensity for row in rows]),
        place_propensity=filled(np.ones(places), [row.place_propensity for row in rows]),
        chosen=chosen,
        scores=filled(np.zeros(candidates), [row.scores for row in rows]),
    )


def filled(into: NDArray[Scalar], rows: Iterable[NDArray[Scalar]]) -> NDArray[Scalar]:
    """The rows, each as long as it is, from the left."""
    for n, row in enumerate(rows):
        into[n, : len(row)] = row
    return into


def _units(units: Sequence[str]) -> Indices:
    """A number for each unit; "" is somebody else every time."""
    numbers: dict[str | int, int] = {}
    keys = (unit or row for row, unit in enumerate(units))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)
