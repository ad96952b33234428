"""The items of a store as arrays, read once: simulated shoppers look at hundreds of thousands of them.

Laws (tests/ranking/evaluation/simulator/test_shoppers.py):
- the same items give the same catalogue, in whatever order a store holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlclip.engine.space import Floats, FusedSpace
from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.statistics.arrays import Indices, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """n items by id, ascending: `vectors` `(n, size)` fused, `prices` `(n,)`, NaN where there is none.

    `titles` are "" where there is none. `whole` are the rows of those with the most segments.
    """

    space: FusedSpace
    ids: tuple[str, ...]
    vectors: Floats
    prices: Values
    titles: tuple[str, ...]
    whole: Indices
    row_of: Mapping[str, int]

    def rows(self, ids: Sequence[str]) -> Indices:
        """Which rows these items are, `(len(ids),)`."""
        return np.array([self.row_of[one] for one in ids], dtype=np.intp)


def read_catalogue(store: Store) -> Catalogue:
    """All items of a store; `EvaluationError` where there are fewer than two. Memory: all vectors."""
    held = []
    for page in store.scan(fields=("price", "title"), with_vector=True):
        held += [(one.id, one.vector, one.payload) for one in page]
    if len(held) < 2:
        raise EvaluationError("a simulated shop needs a store with at least two items; ingest some first")
    held.sort(key=lambda one: one[0])
    vectors = np.array([vector for _, vector, _ in held], dtype=np.float32)
    spans = store.info.space.slices().values()
    there = np.sum([np.any(vectors[:, span] != 0, axis=1) for span in spans], axis=0)
    ids = tuple(item_id for item_id, _, _ in held)
    return Catalogue(
        space=store.info.space,
        ids=ids,
        vectors=vectors,
        prices=np.array([_number(payload.get("price")) for _, _, payload in held]),
        titles=tuple(str(payload.get("title") or "") for _, _, payload in held),
        whole=np.flatnonzero(there == there.max()),
        row_of={item_id: row for row, item_id in enumerate(ids)},
    )


def _number(price: object) -> float:
    return float(price) if isinstance(price, int | float) else float("nan")
