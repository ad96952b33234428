"""The items people do most with, for shoppers without events.

Laws (tests/ranking/lists/test_shopper.py):
- popular items come first, in order, then those most like them, all within the filter;
- items that the store does not hold take no place, however popular they are;
- if there are no events, the items' own `popularity` decides; if they have none, the most typical items come
  first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vlclip.engine.filters import Condition, Filter
from vlclip.engine.space import Floats, FusedSpace
from vlclip.engine.store.store import Query, Store
from vlclip.ranking.history.event_kinds import default_weights
from vlclip.ranking.history.history import History
from vlclip.ranking.lists.answer import POPULAR
from vlclip.ranking.lists.candidates import Nearest, Pool, join
from vlclip.ranking.settings import DAY_S

MOST = 1000
"""The most items that count as popular."""
DAYS = 30
"""Age of the oldest events that count."""
FRESH_S = 60.0
"""How long an answer is used again: popularity does not change within seconds."""


@dataclass(frozen=True, slots=True)
class Popular:
    """Shares by id, 1 for the most popular item, falling; and the `(size,)` mean of these items' vectors."""

    shares: Mapping[str, float]
    typical: Floats


class Popularity:
    """Reads history and store, and keeps the answer for a minute; safe to use from several threads."""

    def __init__(self, store: Store, history: History | None, clock: Callable[[], float]) -> None:
        self._store, self._history, self._clock = store, history, clock
        self._lock = threading.Lock()
        self._latest: tuple[float, Popular] | None = None

    def get(self) -> Popular:
        """What is popular now, or was at most a minute ago."""
        with self._lock:
            now = self._clock()
            if self._latest is None or not 0 <= now - self._latest[0] < FRESH_S:
                self._latest = now, self._read(now)
            return self._latest[1]

    def _read(self, now: float) -> Popular:
        sums = {} if self._history is None else self._sums(self._history, now - DAYS * DAY_S)
        sums = sums or self._own_popularity()
        stored = self._store.retrieve(list(sums), fields=("id",), with_vector=True)
        records = list(stored.values()) or next(self._store.scan(fields=("id",), with_vector=True), [])
        vectors = [record.vector for record in records if record.vector is not None]
        typical = np.mean(vectors, axis=0) if vectors else np.zeros(self._store.info.space.size)
        best = max(sums.values(), default=1.0)
        return Popular({item_id: total / best for item_id, total in sums.items()}, typical.astype(np.float32))

    def _sums(self, history: History, since: float) -> dict[str, float]:
        """Sums of event weights of at most `MOST` items that the store holds, the most popular first."""
        weights, limit = default_weights(), MOST
        while True:
            sums = history.popular(weights, limit, since=since)
            records = self._store.retrieve(list(sums), fields=())
            stored = [item_id for item_id in sums if item_id in records]
            if len(stored) >= MOST or len(sums) < limit:
                return {item_id: sums[item_id] for item_id in stored[:MOST]}
            limit *= 4  # some items are gone, so others take their places

    def _own_popularity(self) -> dict[str, float]:
        """The items' own field `popularity`, the largest first."""
        if "popularity" not in self._store.fields():
            return {}
        pairs = [
            (record.id, float(record.payload["popularity"]))
            for page in self._store.scan(fields=("popularity",))
            for record in page
            if record.payload.get("popularity", 0) > 0
        ]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:MOST])


@dataclass(frozen=True, slots=True, kw_only=True)
class MostPopular:
    """Candidates: the popular items that fit, by their shares, then those nearest to the typical item.

    `nearest` gives the second part, in one direction; its scores are scaled to lie below the first part's.
    """

    shares: Mapping[str, float]
    nearest: Nearest

    def pool(self, depth: int) -> Pool:
        """All popular items and at least one more, about `depth` in all."""
        popular = self._popular()
        nearest = self.nearest
        others = replace(nearest, exclude=(*nearest.exclude, *popular.ids))
        return join(popular, others.pool(max(1, depth - len(popular.ids))))

    def _popular(self) -> Pool:
        nearest, ids = self.nearest, tuple(self.shares)
        if not ids:
            return Pool([], np.empty(0), [], None)
        among = Filter((*nearest.filter.conditions, Condition("id", "any", ids)))
        query = Query(
            vector=nearest.directions[0], limit=len(ids), filter=among, exclude=tuple(nearest.exclude),
            exact=True, fields=nearest.fields,
        )  # fmt: skip
        by_id = {hit.id: hit for hit in nearest.store.search([query])[0]}
        hits = [by_id[item_id] for item_id in ids if item_id in by_id]
        return Pool(
            [hit.id for hit in hits],
            np.array([self.shares[hit.id] for hit in hits], dtype=np.float64),
            [hit.payload for hit in hits],
            None,
            {POPULAR: np.array([self.shares[hit.id] for hit in hits], dtype=np.float64)},
        )


def last_place(space: FusedSpace, typical: Floats, weights: Mapping[str, float], below: float) -> Floats:
    """A query for items like the typical one that gives no score over half of `below`."""
    query = space.query_vector(space.split(typical), weights)
    most = sum(float(np.linalg.norm(query[span])) for span in space.slices().values())
    return query * np.float32(below / (2 * most)) if most else query
