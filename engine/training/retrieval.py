"""How well texts find their own photos: ranks, HITS@k and MRR, plain and duplicates-aware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.space import Floats

CUTS = (1, 5, 10)
"""The k of HITS@k."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Per text, counted from 1: `own` `(n,)` of its own photo, `alike` `(n,)` with any photo of its title.

    Among equal scores, photos of other titles come first.
    """

    own: NDArray[np.int64]
    alike: NDArray[np.int64]


def retrieval_figures(ranks: NDArray[np.int64]) -> dict[str, float]:
    """HITS@1/5/10 and MRR of ranks `(n,)`."""
    return {
        **{f"hits@{k}": float((ranks <= k).mean()) for k in CUTS},
        "mrr": float((1 / ranks).mean()),
    }


def text_to_image_ranks(texts: Floats, images: Floats, titles: Sequence[str]) -> Ranks:
    """Where `texts` `(n, d)` find `images` `(n, d)`, scored exactly; row i of both is item i."""
    own, alike = [], []
    groups = np.unique(np.array([title.casefold() for title in titles]), return_inverse=True)[1]
    for start in range(0, len(texts), 512):
        rows = slice(start, start + 512)
        scores = texts[rows] @ images.T
        index = np.arange(start, start + len(scores))
        own_scores = scores[np.arange(len(scores)), index]
        own.append((scores >= own_scores[:, None]).sum(axis=1))
        same = groups[rows][:, None] == groups[None, :]
        best = np.where(same, scores, -np.inf).max(axis=1)
        alike.append(((scores >= best[:, None]) & ~same).sum(axis=1) + 1)
    return Ranks(np.concatenate(own), np.concatenate(alike))


def text_to_image(texts: Floats, images: Floats, titles: Sequence[str]) -> dict[str, float]:
    """Figures of `texts` `(n, d)` finding `images` `(n, d)`; row i of both is item i.

    Keys ending in `_dup` count any product with the same title.
    """
    ranks = text_to_image_ranks(texts, images, titles)
    aware = {f"{name}_dup": value for name, value in retrieval_figures(ranks.alike).items()}
    return {"n": len(texts), **retrieval_figures(ranks.own), **aware}
