"""The standard measures of a ranked list against graded judgements, a value for every query.

All are computed by ir-measures (MacAvaney, Macdonald & Ounis, ECIR 2022), which calls trec_eval's own code.

Laws (tests/ranking/evaluation/retrieval/test_measures.py):
- only the order of a ranking counts, not its scores and their ties;
- a query without an answer scores 0 and has no share of judged items;
- every measure lies in [0, 1], and no order scores more than the ideal one;
- a measure of the condensed list is that of the list without its unjudged items.
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
"""The ranking that answers each query."""
Qrels = Mapping[str, Mapping[str, float]]
"""People's judgements: query, item, grade. A grade of 0 or below is not relevant."""
Gain = Literal["linear", "exponential"]

RELEVANT = 1.0
"""The grade from which an item is relevant, for the measures without grades."""
FINEST = 2520
"""The finest step of a grade is 1 / 2520: means of up to ten raters are whole numbers of it."""

_NAMES = {
    "HITS": "Success", "MRR": "RR", "P": "P", "R": "R", "nDCG": "nDCG", "nDCG-exp": "nDCG", "AP": "AP",
    "Judged": "Judged",
}  # fmt: skip
_NEED_CUTOFF = ("HITS", "P", "R", "Judged")
_GRADED = ("nDCG", "nDCG-exp", "Judged")
_WRITTEN = re.compile(r"(?P<name>[A-Za-z-]+)(?:@(?P<cutoff>[1-9]\d*))?")


def measure_run(
    run: Run, qrels: Qrels, measures: Sequence[str], *, relevant: float = RELEVANT
) -> dict[str, Values]:
    """Every measure's values `(queries,)`, in the order of `qrels`; only its queries count.

    The names are `HITS@k` (Success@k: one relevant item among the first k), `MRR` and `MRR@k` (1 / rank of
    the first relevant item), `P@k`, `R@k`, `AP`, `AP@k`, `Judged@k`, and nDCG with or without `@k`: with the
    gain of trec_eval, which is the grade itself (Järvelin & Kekäläinen, Cumulated Gain-Based Evaluation of
    IR Techniques, TOIS 2002), or as `nDCG-exp` with 2^grade - 1 (Burges et al., Learning to Rank Using
    Gradient Descent, ICML 2005). `Judged@k` is NaN for a query without an answer. A query without a
    relevant item scores 0, as in trec_eval. `EvaluationError` for another name or without queries.
    """
    if not qrels:
        raise EvaluationError("there are no judgements; give at least one query with a rated item")
    parsed = {name: _parsed(name) for name in measures}
    places = {query: row for row, query in enumerate(qrels)}
    # ir-measures sorts by score, and equal scores by id, one way or the other
    ordered = {
        query: {item: float(-place) for place, (item, _) in enumerate(ranking)}
        for query, ranking in run.items()
        if query in places and ranking
    }
    out = {name: np.full(len(qrels), math.nan if name.startswith("Judged") else 0.0) for name in parsed}
    gains: tuple[Gain, ...] = ("linear", "exponential")
    for gain in gains:
        names = {name: parts for name, parts in parsed.items() if ("-exp" in name) == (gain == "exponential")}
        if not names or not ordered:
            continue
        levels, scale = _levels(qrels, gain)
        objects: dict[Any, str] = {}
        for name, (measure, cutoff, is_graded) in names.items():
            configured = measure if is_graded else measure(rel=math.ceil(relevant * scale - 1e-9))
            objects[configured @ cutoff if cutoff else configured] = name
        for metric in ir_measures.iter_calc(list(objects), levels, ordered):
            if metric.query_id in ordered:
                out[objects[metric.measure]][places[metric.query_id]] = metric.value
    return out


def condense(run: Run, qrels: Qrels) -> dict[str, Ranking]:
    """The run without items that nobody judged for their query (Sakai, Alternatives to Bpref, SIGIR 2007).

    Its measures do not punish a system for items that no rater looked at, and ignore how good these are.
    Rankings should be much deeper than the cutoff.
    """
    return {
        query: [(item, score) for item, score in ranking if item in qrels[query]]
        for query, ranking in run.items()
        if query in qrels
    }


def _parsed(name: str) -> tuple[Any, int | None, bool]:
    """The measure of ir-measures, its cutoff, and whether it uses grades as they are."""
    match = _WRITTEN.fullmatch(name)
    kind, cutoff = (match["name"], match["cutoff"]) if match else ("", None)
    if kind not in _NAMES or (cutoff is None and kind in _NEED_CUTOFF):
        names = ", ".join(f"{known_name}@k" for known_name in _NAMES)
        raise EvaluationError(f"no measure {name!r}; there are {names}, and MRR, nDCG and AP without @k")
    return getattr(ir_measures, _NAMES[kind]), int(cutoff) if cutoff else None, kind in _GRADED


def _levels(qrels: Qrels, gain: Gain) -> tuple[dict[str, dict[str, int]], int]:
    """Gains as whole numbers, as trec_eval needs them, and how many of them make 1.

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
