"""Vectors of items learned from what people do: items done with in the same stretch of a history are near.

Shifted positive pointwise mutual information of pairs, factorised (Levy & Goldberg, Neural Word Embedding as
Implicit Matrix Factorization, 2014), with the smoothing of contexts of Levy, Goldberg & Dagan (Improving
Distributional Similarity with Lessons Learned from Word Embeddings, 2015). The vectors fill the `behaviour`
segment of a store (`vlclip.engine.encoding.lookup`).

Laws (tests/ranking/learning/test_behaviour.py):
- units in another order give the same vectors, to the last bit; so do the same events another time;
- items of one community are nearer than those of two that share nobody;
- rows are of unit length; an item of which nothing was learned is absent;
- too little to learn from is refused with what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from vlclip.engine.encoding.lookup import Lookup, make_lookup
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.history.event_kinds import EVENT_KINDS
from vlclip.ranking.history.events import Event

SIZE, WINDOW, SMOOTHING, SHIFT = 128, 5, 0.75, 1.0
ITERATIONS, SEED = 8, 0
LOST = 1e-4
"""A row this much shorter than the longest lies outside of the directions that were kept."""


def fit_behaviour(
    sequences: Iterable[Sequence[Event]],
    size: int = SIZE,
    *,
    window: int = WINDOW,
    smoothing: float = SMOOTHING,
    shift: float = SHIFT,
) -> Lookup:
    """Behaviour vectors `(n, size)` from the events of each unit, oldest first, as a history gives them.

    Two items count 1/d when they are d steps apart, up to `window` steps; the same item again is one step,
    and dislikes are left out. `smoothing` is the power of the contexts' distribution; `shift` is k of the
    shifted PMI, at least 1. `EvaluationError` where fewer than `size` + 1 items were done with beside others.
    """
    span: tuple[float, float] = (np.inf, -np.inf)
    units = events = 0
    histories: list[list[str]] = []
    for sequence in sequences:
        uses = [event for event in sequence if not EVENT_KINDS[event.kind].is_dislike]
        steps = [item for item, _ in groupby(event.item for event in uses)]
        if len(steps) > 1:
            units, events = units + 1, events + len(uses)
            times = [event.time for event in uses]
            span = min(span[0], *times), max(span[1], *times)
            histories.append(steps)
    ids = sorted({item for steps in histories for item in steps})
    if len(ids) <= size:
        raise EvaluationError(
            f"vectors of {size} numbers take at least {size + 1} items that were done with beside others; "
            f"{units} histories have {len(ids)}: wait for more events, or lower the size"
        )
    together = _counts(histories, ids, window)
    associated = _ppmi(together, smoothing, shift)
    if not associated.nnz:
        raise EvaluationError(
            "no two items go together more than by chance: lower the shift, or wait for more events"
        )
    rows = _factors(associated, size)
    lengths = np.linalg.norm(rows, axis=1)
    learned_rows = np.flatnonzero(lengths > LOST * lengths.max())
    notes = {
        "method": "shifted positive PMI, truncated SVD", "since": span[0], "until": span[1],
        "units": units, "events": events, "pairs": int(together.nnz // 2), "window": window,
        "smoothing": smoothing, "shift": shift,
    }  # fmt: skip
    return make_lookup([ids[row] for row in learned_rows], rows[learned_rows].astype(np.float32), notes)


def _counts(histories: Sequence[Sequence[str]], ids: Sequence[str], window: int) -> sp.csr_array:
    """How often two items came near each other, symmetric `(n, n)`, each time 1/steps between them."""
    places = {item: row for row, item in enumerate(ids)}
    lengths = np.array([len(steps) for steps in histories])
    flat = np.array([places[item] for steps in histories for item in steps], dtype=np.int64)
    unit = np.repeat(np.arange(len(histories)), lengths)
    shape = (len(ids), len(ids))
    total = sp.csr_array(shape, dtype=np.float64)
    for distance in range(1, min(window, int(lengths.max()) - 1) + 1):
        first, second = flat[:-distance], flat[distance:]
        pair = (unit[:-distance] == unit[distance:]) & (first != second)
        ones = np.ones(int(pair.sum()))
        # whole numbers add up alike in any order, so the order of units does not matter
        counts = sp.coo_array((ones, (first[pair], second[pair])), shape=shape).tocsr()
        total = total + (counts + counts.T) / distance
    return total.tocsr()


def _ppmi(together: sp.csr_array, smoothing: float, shift: float) -> sp.csr_array:
    """max(0, log(p(a, b) / (p(a) · p(b)^smoothing normalised)) - log(shift)), `(n, n)`."""
    totals = np.asarray(together.sum(axis=1)).ravel()
    contexts = totals**smoothing
    pairs = together.tocoo()
    row, column = pairs.coords
    ratio = pairs.data * contexts.sum() / (totals[row] * contexts[column])
    values = np.maximum(np.log(ratio) - np.log(shift), 0)
    positive = sp.coo_array((values, (row, column)), shape=together.shape).tocsr()
    positive.eliminate_zeros()
    return positive


def _factors(matrix: sp.csr_array, size: int) -> NDArray[np.float64]:
    """U·sqrt(S) of the largest `size` singular values, `(n, size)`; scikit-learn settles the signs."""
    left, values, _ = randomized_svd(matrix, size, n_iter=ITERATIONS, random_state=SEED)
    factors: NDArray[np.float64] = left * np.sqrt(values)
    return factors
