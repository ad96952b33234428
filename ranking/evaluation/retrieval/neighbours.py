"""Are an item's nearest others like it? Shares of neighbours that agree in a field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.space import Floats

CHUNK = 512


def nearest_others(vectors: Floats, k: int, scale: Floats | float = 1.0) -> NDArray[np.int64]:
    """The `k` rows of `vectors` `(n, d)` with the highest dot product with each row, itself left out.

    `scale` `(d,)` weighs the asking side; the answer `(n, k)` is in no order within a row. Scored
    exactly. ValueError where there are not more than `k` rows.
    """
    if len(vectors) <= k:
        raise ValueError(f"{len(vectors)} rows have no {k} others each")
    asked = (vectors * scale).astype(np.float32, copy=False)
    found = []
    for start in range(0, len(vectors), CHUNK):
        scores = asked[start : start + CHUNK] @ vectors.T
        rows = np.arange(len(scores))
        scores[rows, start + rows] = -np.inf
        found.append(np.argpartition(-scores, k, axis=1)[:, :k])
    return np.concatenate(found)


def agreeing_share(nearest: NDArray[np.int64], values: Sequence[str]) -> NDArray[np.float64]:
    """`(n,)`: the share of each item's neighbours that have its value; NaN where it has none ("")."""
    known = np.array(values, dtype=object)
    shares: NDArray[np.float64] = (known[nearest] == known[:, None]).mean(axis=1)
    shares[known == ""] = np.nan
    return shares


def chance_share(values: Sequence[str]) -> float:
    """What random neighbours would agree in, over the items that have a value; NaN where none has."""
    _, counts = np.unique([value for value in values if value], return_counts=True)
    return float(((counts / counts.sum()) ** 2).sum()) if len(counts) else float("nan")
