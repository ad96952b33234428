"""Makes a list vary: greedy maximal marginal relevance in the fused space.

Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
summaries", SIGIR 1998.

Laws (tests/ranking/lists/test_diversity.py):
- amount 0 is the plain order; amount 1 takes the item that is least like those above, whatever its score;
- score + term never rises down the list, stays between the worst and the best score, and the first
  item's term is 0;
- the first 10 of a list of 50 are the list of 10;
- no item is lost.
"""

from __future__ import annotations

import numpy as np

from vlclip.engine.space import Floats, unit
from vlclip.ranking.statistics.arrays import Indices, Values

FINEST = 1e-6
"""Scores this close differ only by rounding."""


def diversify(relevance: Values, vectors: Floats, amount: float, k: int) -> tuple[Indices, Values]:
    """The rows of up to k items to show, in order, and what variety adds to the score of each.

    `relevance` `(n,)` are scores, `vectors` `(n, d)` the items' fused vectors, which are scaled to length
    1 here. The similarity of two items is their cosine: the mean over the segments, if both items have all
    of them. The first item is the most relevant. Each next one has the highest

        (1 - amount) · score + amount · (high - (high - low) · similarity)

    where high and low are the best and the worst score of the n items, and similarity is that to the most
    similar item above, at least 0. This is MMR in units of the score: an item unlike all above counts as the
    best of the n, a copy of one of them as the worst. At amount 0.5, a tenth of the range of scores is worth
    a tenth of cosine similarity. The scale depends on the n items, so all pages of a list need the same n.

    Of equal objectives the earlier row comes first.
    """
    if not len(relevance):
        return np.empty(0, dtype=np.intp), np.empty(0)
    high, low = float(relevance.max()), float(relevance.min())
    unlike = (1 - amount) * relevance + amount * high
    cost = amount * max(high - low, FINEST)
    rows = unit(vectors)
    penalties = cost * (rows @ rows.T)
    objective = unlike.copy()
    pick, order, terms = int(relevance.argmax()), list[int](), list[float]()
    while len(order) < min(k, len(relevance)):
        order.append(pick)
        terms.append(objective[pick] - relevance[pick])
        if amount:
            np.minimum(objective, unlike - penalties[pick], out=objective)
        objective[pick] = -np.inf
        pick = int(objective.argmax())
    return np.array(order, dtype=np.intp), np.array(terms)
