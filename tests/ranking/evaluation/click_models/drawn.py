"""Logs drawn from a click model whose parameters are known."""

from __future__ import annotations

import numpy as np

from vlclip.ranking.evaluation.click_models.log import ClickLog


def planted(items=60, seed=0):
    """Attraction and satisfaction of each item."""
    rng = np.random.default_rng(seed)
    return rng.beta(2, 5, items), rng.beta(4, 2, items)


def drawn_log(model, attraction, satisfaction, *, lists=1000, places=5, seed=1):
    """Lists in which better items tend to stand higher; four of each unit."""
    rng = np.random.default_rng(seed)
    scores = np.log(attraction) / 2 + rng.gumbel(size=(lists, len(attraction)))
    items = np.argsort(-scores, axis=1)[:, :places]
    filled = np.arange(places) < rng.integers(2, places + 1, size=(lists, 1))
    return ClickLog(
        items=items,
        clicked=model.sample(attraction[items], satisfaction[items], filled, rng),
        filled=filled,
        unit=np.arange(lists) // 4,
        names=tuple(f"i{n}" for n in range(len(attraction))),
    )
