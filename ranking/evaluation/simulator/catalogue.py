"""The items of a store as arrays, read once, since simulated shoppers look at hundreds of thousands of them.

Laws (tests/ranking/evaluation/simulator/test_shoppers.py):
- the same items give the same catalogue, whatever their order in the store.
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
    """n items by ascending id: `vectors` `(n, size)` fused, `prices` `(n,)`, NaN where an item has none.

    `titles` are "" where an item has none. `whole` are the rows of the items with the most segments.
    """

    space: FusedSpace
    ids: tuple[str, ...]
    vectors: Floats
    prices: Values
    titles: tuple[str, ...]
    whole: Indices
    row_of: Mapping[str, int]

    def rows(self, ids: Sequence[str]) -> Indices:
        """The rows of these items, `(len(ids),)`."""
        return np.array([self.row_of[item_id] for item_id in ids], dtype=np.intp)


def read_catalogue(store: Store) -> Catalogue:
    """All items of a store; `EvaluationError` where there are fewer than two. Memory: all vectors."""
    records = [
        record for batch in store.scan(fields=("price", "title"), with_vector=True) for record in batch
    ]
    if len(records) < 2:
        raise EvaluationError("a simulated shop needs a store with at least two items; ingest some first")
    records.sort(key=lambda record: record.id)
    vectors = np.array([record.vector for record in records], dtype=np.float32)
    spans = store.info.space.slices().values()
    there = np.sum([np.any(vectors[:, span] != 0, axis=1) for span in spans], axis=0)
    ids = tuple(record.id for record in records)
    return Catalogue(
        space=store.info.space,
        ids=ids,
        vectors=vectors,
        prices=np.array([_number(record.payload.get("price")) for record in records]),
        titles=tuple(str(record.payload.get("title") or "") for record in records),
        whole=np.flatnonzero(there == there.max()),
        row_of={item_id: row for row, item_id in enumerate(ids)},
    )


def _number(price: object) -> float:
    return float(price) if isinstance(price, int | float) else float("nan")
