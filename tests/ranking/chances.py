"""Plackett-Luce in plain code, one choice at a time."""

from __future__ import annotations

import numpy as np


def next_probabilities(scores, above, temperature):
    """The probability of each of the `(n,)` candidates to come next, below the rows `above` `(j,)`.

    It is 0 for those above, of which there are fewer than n. At temperature 0 the best one left is certain,
    of equal ones the first.
    """
    left = np.ones(len(scores), bool)
    left[above] = False
    if not temperature:
        best = max(np.flatnonzero(left), key=lambda row: (scores[row], -row))
        return np.eye(len(scores))[best]
    odds = np.where(left, np.exp((scores - scores[left].max()) / temperature), 0)
    return odds / odds.sum()
