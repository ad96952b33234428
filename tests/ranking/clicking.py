"""Simulated lists by one set of weights, clicked by shoppers with another."""

from __future__ import annotations

import numpy as np

from vlclip.ranking.learning.rows import ItemRows

SPREAD = np.array([0.2, 0.2, 0.3])
"""Standard deviations over a shop's items of the features photo, text and history."""
EXAMINATION = 1 / np.arange(1, 11)
"""Examination of the ten places."""


def clicked_rows(
    true, force, *, lists=600, temperature=0.0, level=-2.0, seed=0, units=200, moods=0.0, pool=40
):
    """Lists of the ten best of `pool` by `force`; `true` are slopes in log-odds. `moods` differ by list and
    go with its features: a list of dearer items is clicked less for all that they fit better.
    """
    rng = np.random.default_rng(seed)
    true, force = np.array(true, float), np.array(force, float)
    blocks, clicks = [], []
    for _ in range(lists):
        mood = rng.normal()
        items = 0.1 * mood + rng.normal(size=(pool, len(true))) * SPREAD[: len(true)]
        scores = items @ force + (temperature * rng.gumbel(size=pool) if temperature else 0)
        items_shown = items[np.argsort(-scores)[:10]]
        attraction = 1 / (1 + np.exp(-(items_shown @ true + level - moods * mood)))
        blocks.append(items_shown)
        clicks.append(rng.random(10) < attraction * EXAMINATION)
    number = np.repeat(np.arange(lists), 10)
    return ItemRows(
        names=("image", "text", "history")[: len(true)],
        features=np.concatenate(blocks),
        target=force,
        clicked=np.concatenate(clicks),
        place=np.tile(np.arange(10), lists),
        kind=np.zeros(10 * lists, dtype=np.intp),
        list=number,
        unit=number % units,
        kinds=("similar",),
    )
