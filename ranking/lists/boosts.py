"""What a shop's rules add to scores, how deep a search that needs, and which items they hide.

Laws (tests/ranking/lists/test_boosts.py):
- a boost's term lies between 0 and its weight; without a usable field it is 0;
- the settled items of a pool are the top of the whole ranking, in the same order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import Event
from vlclip.ranking.lists.arm import Boost, Rules
from vlclip.ranking.settings import DAY_S
from vlclip.ranking.statistics.arrays import Values

ROUNDING = 1e-6
"""How far the float32 sums of a store may be from ours."""


def boost_terms(
    boosts: Iterable[Boost], payloads: Sequence[Mapping[str, Any]], now: float
) -> dict[str, Values]:
    """Each boosted field's terms, `(n,)` for n payloads; boosts on one field add up.

    `now` is in seconds since 1970, UTC. The shapes are those of `vlclip.ranking.lists.arm.Boost`.
    """
    terms: dict[str, Values] = {}
    for boost in boosts:
        read, shape = _SHAPES[boost.shape]
        values = np.array([read(payload.get(boost.field)) for payload in payloads], dtype=np.float64)
        with np.errstate(all="ignore"):  # out of range of floats the shapes become 0 and 1, which is right
            shares = np.nan_to_num(shape(values, boost.half, now))  # NaN: no usable value
        terms[boost.field] = terms.get(boost.field, 0.0) + boost.weight * shares
    return terms


def most_boost(boosts: Iterable[Boost]) -> float:
    """The most that these boosts together can add to a score."""
    return math.fsum(max(boost.weight, 0.0) for boost in boosts)


def settled(boosted: Values, floor: float | None, most: float) -> NDArray[np.bool_]:
    """Which items of a pool no item outside it can overtake, `(n,)`.

    `boosted` `(n,)` are the pool's scores with boosts, in any order. No item outside scores over `floor`
    without boosts, or gets more than `most` from them; `floor` is None if no item is outside. Once k items
    are settled, the best k of the pool are the best k of all. An item outside that ties could overtake by its
    id, so settled items are above the bound by more than rounding.
    """
    return boosted > (-np.inf if floor is None else floor + most + ROUNDING)


def hidden(events: Iterable[Event], rules: Rules) -> set[str]:
    """The items to leave out for a shopper with these events: bought, or seen often enough.

    An event of each kind that is a sight counts as seen once.
    """
    bought, sights = set(), Counter[str]()
    for event in events:
        kind = EVENT_KINDS[event.kind]
        if kind.counts_as == "purchase":
            bought.add(event.item)
        if kind.is_sight:
            sights[event.item] += 1
    often = {item for item, times in sights.items() if times >= rules.hide_seen} if rules.hide_seen else set()
    return often | (bought if rules.hide_bought else set())


def _number(value: Any) -> float:
    """A finite number as a float, anything else as NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _switch(value: Any) -> float:
    """1 for True and for a number over 0, else 0."""
    return float(value) if isinstance(value, bool) else float(_number(value) > 0)


def seconds(value: Any) -> float:
    """Seconds since 1970 from an ISO 8601 date or time, UTC where it names no zone, or from a number."""
    if not isinstance(value, str):
        return _number(value)
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _rising(x: Values, half: float, _now: float) -> Values:
    return np.where(x > 0, 1 / (1 + half / x), 0.0)  # x / (x + half) would overflow earlier


def _fresh(time: Values, half: float, now: float) -> Values:
    age = (now - time) / DAY_S
    return np.where(age >= 0, np.exp2(-age / half), 0.0)


def _flag(on: Values, _half: float, _now: float) -> Values:
    return on


_SHAPES: dict[str, tuple[Callable[[Any], float], Callable[[Values, float, float], Values]]] = {
    "rising": (_number, _rising),
    "fresh": (seconds, _fresh),
    "flag": (_switch, _flag),
}
