"""The lists of a log as arrays, one row for each: shown items, their candidates, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.evaluation.replay.logged_list import LoggedList
from vlclip.ranking.evaluation.replay.ranking import place_of
from vlclip.ranking.experiments.outcome import Outcome
from vlclip.ranking.settings import DAY_S
from vlclip.ranking.statistics.arrays import Indices, Values

Reward = Literal["clicks", "carts", "purchases", "value"]
REWARDS: tuple[Reward, ...] = get_args(Reward)
Ids = tuple[tuple[str, ...], ...]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLists:
    """The n lists that were replayed, of up to K places and C candidates; the same for all policies.

    `filled` `(n, K)` says at which places an item was shown, `is_candidate` `(n, C)` where there is a
    candidate.
    `reward` is by kind `(n, K)`: whether an item was clicked, how often it was put in the cart and bought,
    and the value of what was bought. `propensity` and `place_propensity` `(n, K)` are the logging policy's,
    as in `ListLog`. `chosen` `(n, K)` is the candidate at each place, -1 where nothing was shown. `scores`
    `(n, C)` are those the candidates were ranked by when the list was made, best first except for pins.

    All other columns are `(n,)`. `time` is in seconds since 1970, UTC. `kind`, `arm` and `unit` are numbers
    from 0; `kinds` and `arms` name the first two. `words` counts the words of a search, 0 for other lists.
    `is_drawn` says whether there was chance in the list. Each list of nobody has a unit of its own.
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
    filled: NDArray[np.bool_]
    is_candidate: NDArray[np.bool_]
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
class ListRow:
    """One list while the others are read; its fields are as in `LoggedLists`."""

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


class InternedIds(dict[str, str]):
    """One string object for all equal ids, since a log repeats its ids many times."""

    def __missing__(self, text: str) -> str:
        return self.setdefault(text, text)

    def intern(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The ids; equal ones are the same object."""
        return tuple(self[item] for item in ids)


def list_row(logged: LoggedList, outcomes: Sequence[Outcome], ids: InternedIds) -> ListRow:
    """A list with the outcomes of its items."""
    exposure = logged.exposure
    rewards = [(float(o.clicks > 0), float(o.carts), float(o.purchases), o.value) for o in outcomes]
    return ListRow(
        request_id=exposure.request_id,
        items=ids.intern(logged.items),
        time=exposure.time,
        kind=exposure.kind,
        arm=ids[exposure.arm],
        unit=ids[exposure.unit],
        words=len(logged.request.text.split()),
        is_drawn=logged.is_drawn,
        reward=np.array(rewards).T,
        propensity=np.array([item.propensity for item in exposure.items]),
        place_propensity=place_of(logged.ranking, logged.items),
        chosen=logged.chosen,
        scores=logged.scores,
    )


def stack_rows(rows: Sequence[ListRow]) -> LoggedLists:
    """One or more rows as arrays."""
    places, candidates = (
        (len(rows), max(len(r.chosen) for r in rows)),
        (len(rows), max(len(r.scores) for r in rows)),
    )
    kinds, arms = sorted({row.kind for row in rows}), sorted({row.arm for row in rows})
    chosen = np.full(places, -1, dtype=np.intp)
    fill_rows(chosen, [row.chosen for row in rows])
    rewards = np.zeros((len(REWARDS), *places))
    for n, row in enumerate(rows):
        rewards[:, n, : row.reward.shape[1]] = row.reward
    return LoggedLists(
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
        filled=chosen >= 0,
        is_candidate=fill_rows(
            np.zeros(candidates, dtype=bool), [np.ones(len(row.scores), dtype=bool) for row in rows]
        ),
        reward=dict(zip(REWARDS, rewards, strict=True)),
        propensity=fill_rows(np.ones(places), [row.propensity for row in rows]),
        place_propensity=fill_rows(np.ones(places), [row.place_propensity for row in rows]),
        chosen=chosen,
        scores=fill_rows(np.zeros(candidates), [row.scores for row in rows]),
    )


def fill_rows(into: NDArray[Scalar], rows: Iterable[NDArray[Scalar]]) -> NDArray[Scalar]:
    """Write each row into `into` from the left; the places after its end stay as they are."""
    for n, row in enumerate(rows):
        into[n, : len(row)] = row
    return into


def _units(units: Sequence[str]) -> Indices:
    """A number for each unit; each "" is a unit of its own."""
    numbers: dict[str | int, int] = {}
    keys = (unit or row for row, unit in enumerate(units))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)
