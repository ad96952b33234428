"""How well texts find their own photos: HITS@k and MRR, plain and duplicates-aware."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.space import Floats


def retrieval_figures(ranks: NDArray[np.int64]) -> dict[str, float]:
    """HITS@1/5/10 and MRR of ranks `(n,)`."""
    return {
        **{f"hits@{k}": float((ranks <= k).mean()) for k in (1, 5, 10)},
        "mrr": float((1 / ranks).mean()),
    }


def text_to_image(texts: Floats, images: Floats, titles: Sequence[str]) -> dict[str, float]:
    """Figures of `texts` `(n, d)` finding `images` `(n, d)`; row i of both is item i.

    Keys ending in `_dup` count any product with the same title as found.
    """
    plain, aware = [], []
    groups = np.unique(np.array([title.casefold() for title in titles]), return_inverse=True)[1]
    for start in range(0, len(texts), 512):
        rows = slice(start, start + 512)
        scores = texts[rows] @ images.T
        index = np.arange(start, start + len(scores))
        own = scores[np.arange(len(scores)), index]
        plain.append((scores >= own[:, None]).sum(axis=1))
        same = groups[rows][:, None] == groups[None, :]
        best = np.where(same, scores, -np.inf).max(axis=1)
        aware.append(((scores >= best[:, None]) & ~same).sum(axis=1) + 1)
    figures = retrieval_figures(np.concatenate(plain))
    figures |= {f"{k}_dup": v for k, v in retrieval_figures(np.concatenate(aware)).items()}
    return {"n": len(texts), **figures}
