"""The standard measures of a ranked list against graded judgements, a value for every query.

All are computed by ir-measures (MacAvaney, Macdonald & Ounis, ECIR 2022), which asks trec_eval's own code.

Laws (tests/ranking/evaluation/retrieval/test_measures.py):
- the order given is the order measured, whatever the scores say and however they tie;
- a query that was not answered scores 0, and has no share of judged items;
- every measure lies in [0, 1], and nothing is over the ideal order;
- a measure of the condensed list is that of the list whose unjudged items were never there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

import ir_measures
import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.statistics.arrays import Values

Ranking = Sequence[tuple[str, float]]
"""Items with their scores, best first. The order is what counts."""
Run = Mapping[str, Ranking]
"""What was answered to each query."""
Qrels = Mapping[str, Mapping[str, float]]
"""What people said of items: query, item, grade. A grade of 0 or below is not relevant."""
Gain = Literal["linear", "exponential"]

STANDARD = ("nDCG@10", "MRR", "P@10", "R@10", "HITS@10", "AP", "Judged@10")
RELEVANT = 1.0
"""The grade from which an item is relevant, for the measures that know no grades."""
FINEST = 2520
"""Most steps of a grade: all means of up to ten raters are whole numbers of them."""

_NAMES = {
    "HITS": "Success", "MRR": "RR", "P": "P", "R": "R", "nDCG": "nDCG", "nDCG-exp": "nDCG", "AP": "AP",
    "Judged": "Judged",
}  # fmt: skip
_NEED_CUTOFF = ("HITS", "P", "R", "Judged")
_GRADED = ("nDCG", "nDCG-exp", "Judged")
_WRITTEN = re.compile(r"(?P<name>[A-Za-z-]+)(?:@(?P<cutoff>[1-9]\d*))?")


def measured(
    run: Run, qrels: Qrels, measures: Sequence[str] = STANDARD, *, relevant: float = RELEVANT
) -> dict[str, Values]:
    """Every measure's values `(queries,)`, in the order of `qrels`; only its queries count.

    The names are `HITS@k` (Success@k: one relevant item among the first k), `MRR` and `MRR@k` (1 / rank of
    the first relevant item), `P@k`, `R@k`, `AP`, `AP@k`, `Judged@k`, and nDCG with or without `@k`: with the
    gain of trec_eval, which is the grade itself (Järvelin & Kekäläinen, Cumulated Gain-Based Evaluation of
    IR Techniques, TOIS 2002), or as `nDCG-exp` with 2^grade - 1 (Burges et al., Learning to Rank Using
    Gradient Descent, ICML 2005). `Judged@k` is NaN where nothing was answered. A query of which no item is
    relevant scores 0, as in trec_eval. `EvaluationError` for another name or without queries.
    """
    if not qrels:
        raise EvaluationError("there are no judgements; give at least one query with a rated item")
    asked = {name: _parsed(name) for name in measures}
    places = {query: row for row, query in enumerate(qrels)}
    # ir-measures sorts by score, and equal scores by id, one way or the other
    ordered = {
        query: {item: float(-place) for place, (item, _) in enumerate(ranking)}
        for query, ranking in run.items()
        if query in places and ranking
    }
    out = {name: np.full(len(qrels), math.nan if name.startswith("Judged") else 0.0) for name in asked}
    gains: tuple[Gain, ...] = ("linear", "exponential")
    for gain in gains:
        names = {name: one for name, one in asked.items() if ("-exp" in name) == (gain == "exponential")}
        if not names or not ordered:
            continue
        levels, scale = _levels(qrels, gain)
        objects: dict[Any, str] = {}
        for name, (measure, cutoff, is_graded) in names.items():
            made = measure if is_graded else measure(rel=math.ceil(relevant * scale - 1e-9))
            objects[made @ cutoff if cutoff else made] = name
        for one in ir_measures.iter_calc(list(objects), levels, ordered):
            if one.query_id in ordered:
                out[objects[one.measure]][places[one.query_id]] = one.value
    return out


def condensed(run: Run, qrels: Qrels) -> dict[str, Ranking]:
    """The run without the items nobody judged for their query (Sakai, Alternatives to Bpref, SIGIR 2007).

    What is measured on it does not punish a system for finding what was never looked at, and in turn
    knows nothing of how good that was. Rankings should be much deeper than the cutoff.
    """
    return {
        query: [one for one in ranking if one[0] in qrels[query]]
        for query, ranking in run.items()
        if query in qrels
    }


def _parsed(name: str) -> tuple[Any, int | None, bool]:
    """The measure of ir-measures, its cutoff, and whether it has no use for a least grade."""
    found = _WRITTEN.fullmatch(name)
    kind, cutoff = (found["name"], found["cutoff"]) if found else ("", None)
    if kind not in _NAMES or (cutoff is None and kind in _NEED_CUTOFF):
        known = ", ".join(f"{one}@k" for one in _NAMES)
        raise EvaluationError(f"no measure {name!r}; there are {known}, and MRR, nDCG and AP without @k")
    return getattr(ir_measures, _NAMES[kind]), int(cutoff) if cutoff else None, kind in _GRADED


def _levels(qrels: Qrels, gain: Gain) -> tuple[dict[str, dict[str, int]], int]:
    """Gains as whole numbers, as trec_eval wants them, and how many of them make 1.

    nDCG divides by the ideal, so a common factor does not change it.
    """
    gains = {
        query: {
            item: max(0.0, grade) if gain == "linear" else 2.0 ** max(0.0, grade) - 1
            for item, grade in items.items()
        }
        for query, items in qrels.items()
    }
    distinct = {grade for items in gains.values() for grade in items.values()}
    scale = math.lcm(*(Fraction(grade).limit_denominator(FINEST).denominator for grade in distinct))
    scale = min(scale, FINEST)
    return {
        query: {item: round(grade * scale) for item, grade in items.items()} for query, items in gains.items()
    }, scale
