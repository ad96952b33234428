"""Vectors of items learned from events: items near each other in histories have near vectors.

Shifted positive pointwise mutual information of pairs, factorised (Levy & Goldberg, Neural Word Embedding as
Implicit Matrix Factorization, 2014), with the smoothing of contexts of Levy, Goldberg & Dagan (Improving
Distributional Similarity with Lessons Learned from Word Embeddings, 2015). The vectors fill the `behaviour`
segment of a store (`vlclip.engine.encoding.lookup`).

Laws (tests/ranking/learning/test_behaviour.py):
- the vectors do not depend on the order of units, to the last bit, and the same events give the same vectors;
- items of one community are nearer to each other than items of two communities without common members;
- rows have unit length; an item of which nothing was learned is absent;
- too few events are refused with a message that says what is missing.
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
"""A row shorter than the longest by this factor lies outside the directions of the factorisation."""


def fit_behaviour(
    sequences: Iterable[Sequence[Event]],
    size: int = SIZE,
    *,
    window: int = WINDOW,
    smoothing: float = SMOOTHING,
    shift: float = SHIFT,
) -> Lookup:
    """Behaviour vectors `(n, size)` from the events of each unit, oldest first, as a history returns them.

    Two items d steps apart count 1/d, up to `window` steps. Repeated events of one item are one step, and
    dislikes are left out. `smoothing` is the power of the contexts' distribution; `shift` is k of the
    shifted PMI, at least 1. `EvaluationError` if fewer than `size` + 1 items occur beside other items.
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
            f"vectors of {size} numbers need at least {size + 1} items with events beside other items; "
            f"{units} histories have {len(ids)}: wait for more events, or lower the size"
        )
    together = _counts(histories, ids, window)
    associated = _ppmi(together, smoothing, shift)
    if not associated.nnz:
        raise EvaluationError(
            "no two items occur together more often than by chance: lower the shift, or wait for more events"
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
    """How often two items are near each other: symmetric `(n, n)`, 1/steps for each time."""
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
        # sums of whole numbers are exact in any order, so the order of units does not matter
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
    """U·sqrt(S) of the `size` largest singular values, `(n, size)`; scikit-learn fixes the signs."""
    left_vectors, values, _ = randomized_svd(matrix, size, n_iter=ITERATIONS, random_state=SEED)
    factors: NDArray[np.float64] = left_vectors * np.sqrt(values)
    return factors
