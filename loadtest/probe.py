"""Is what was answered right? Kept answers against the same questions asked with `exact=true`.

Laws (tests/loadtest/test_probe.py):
- an answer that is the exact one has a recall of 1, one that shares nothing with it 0;
- of items whose exact scores are equal any will do;
- the scores that the fast answer claimed are not looked at;
- a question counts once, however popular: else the luck of a single one decides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2
import numpy as np

from loadtest.errors import NotReached
from loadtest.record import Record

K = 10
DEPTH = 50
"""Results that an exact answer is asked for: ties with the tenth are among them."""
TIE = 2e-6
"""Scores are sent with six digits."""


def recall(served: Sequence[str], exact: Sequence[tuple[str, float]], k: int = K) -> float:
    """The share of the `k` best that was served; `exact` are ids with scores, best first."""
    best = exact[:k]
    if not best:
        return 1.0
    right = {item for item, score in exact if score >= best[-1][1] - TIE}
    return min(len(best), len(right.intersection(served[:k]))) / len(best)


def probe(
    records: Sequence[Record],
    http: httpx2.Client,
    *,
    most: int,
    rate_per_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, float]:
    """Mean recall@10 by endpoint, of at most `most` kept answers, one of each question."""
    kept = {_question(one.kept): one for one in records if one.kept and one.is_good}
    chosen = list(kept.values())[:: max(1, -(-len(kept) // most))]
    found: dict[str, list[float]] = {}
    for one in chosen:
        assert one.kept is not None  # noqa: S101  # just looked
        found.setdefault(one.endpoint, []).append(recall(one.kept["ids"], _exact(http, one.kept)))
        sleep(1 / rate_per_s)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _question(kept: Mapping[str, Any]) -> tuple[str, str]:
    return kept["path"], kept["body"]


def _exact(http: httpx2.Client, kept: Mapping[str, Any]) -> list[tuple[str, float]]:
    asked = {"exact": True, "limit": DEPTH}
    try:
        if kept["body"]:
            answer = http.post(kept["path"], json=json.loads(kept["body"]) | asked)
        else:
            answer = http.get(kept["path"], params=asked)
        answer.raise_for_status()
        return [(result["id"], result["score"]) for result in answer.json()["results"]]
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise NotReached(f"the probe could not ask {kept['path']} exactly: {error}") from error
