"""Batches: which items are trained on together.

Laws (tests/engine/training/test_batches.py):
- an epoch sees every item at most once and leaves out fewer than one batch, drawn evenly;
- `hard` 0 is a plain shuffle; at 1 a batch is made of runs of one product type, as long as `chunk`
  where the type has that many items;
- the same generator state gives the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHUNK = 16
"""Items of one type side by side: enough look-alikes to be hard, and still many types in a batch."""


def batches(
    types: Sequence[str], batch: int, hard: float, rng: np.random.Generator, chunk: int = CHUNK
) -> NDArray[np.int64]:
    """Row numbers `(steps, batch)` of one epoch; a share `hard` of each batch comes in chunks of a type.

    Items of one product type are each other's hard negatives: a batch of shoes and lamps is easier
    than one of shoes alone.
    """
    order = rng.permutation(len(types))
    steps = len(order) // batch
    order = order[: steps * batch]
    per_batch = round(hard * batch)
    if per_batch == 0:
        return order.reshape(steps, batch)
    kinds = np.unique(np.array(types)[order], return_inverse=True)[1]
    sorted_rows = order[np.argsort(kinds, kind="stable")]  # still shuffled within a type
    ends = np.cumsum(np.bincount(kinds))
    chunks = [
        piece
        for rows in np.split(sorted_rows, ends[:-1])
        for piece in np.split(rows, range(chunk, len(rows), chunk))
    ]
    in_chunks = np.concatenate([chunks[i] for i in rng.permutation(len(chunks))])
    clustered = in_chunks[: steps * per_batch]
    # shuffled anew: the remainder of a type whose first chunk is in use lies late in `order`
    loose = rng.permutation(order[~np.isin(order, clustered)])
    return np.concatenate(
        [clustered.reshape(steps, per_batch), loose.reshape(steps, batch - per_batch)], axis=1
    )
