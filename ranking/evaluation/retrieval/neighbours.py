"""Are an item's nearest others like it? Shares of neighbours that agree in a field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.space import Floats

CHUNK = 512


def nearest_others(vectors: Floats, k: int, scale: Floats | float = 1.0) -> NDArray[np.int64]:
    """The `k` rows of `vectors` `(n, d)` with the highest dot product with each row, itself left out.

    `scale` `(d,)` weighs the query side. The answer `(n, k)` is in no order within a row; scoring is
    exact. ValueError for `k` rows or fewer.
    """
    if len(vectors) <= k:
        raise ValueError(f"{len(vectors)} rows do not have {k} others each")
    queries = (vectors * scale).astype(np.float32, copy=False)
    nearest = []
    for start in range(0, len(vectors), CHUNK):
        scores = queries[start : start + CHUNK] @ vectors.T
        rows = np.arange(len(scores))
        scores[rows, start + rows] = -np.inf
        nearest.append(np.argpartition(-scores, k, axis=1)[:, :k])
    return np.concatenate(nearest)


def agreeing_share(nearest: NDArray[np.int64], values: Sequence[str]) -> NDArray[np.float64]:
    """`(n,)`: the share of each item's neighbours that have its value; NaN where it has none ("")."""
    by_item = np.array(values, dtype=object)
    shares: NDArray[np.float64] = (by_item[nearest] == by_item[:, None]).mean(axis=1)
    shares[by_item == ""] = np.nan
    return shares


def chance_share(values: Sequence[str]) -> float:
    """The share random neighbours would agree in, over items with a value; NaN where none has one."""
    _, counts = np.unique([value for value in values if value], return_counts=True)
    return float(((counts / counts.sum()) ** 2).sum()) if len(counts) else float("nan")
