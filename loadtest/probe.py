"""Is what was answered right? Kept answers against the same questions asked with `exact=true`.

Laws (tests/loadtest/test_probe.py):
- an answer that is the exact one has a recall of 1, one that shares nothing with it 0;
- of items whose exact scores are equal any will do;
- the scores that the fast answer claimed are not looked at;
- a question counts once, however popular: else the luck of a single one decides;
- a question that is refused (its item was deleted since) is left out and counted;
- a service that is gone or hangs is not waited for again and again: what was not asked yet is counted too.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import numpy as np

from vlclip.loadtest.errors import NotReached
from vlclip.loadtest.record import Record
from vlclip.loadtest.session import KEPT

K = KEPT
DEPTH = 50
"""Results that an exact answer is asked for: ties with the tenth are among them."""
TIE = 2e-6
"""Scores are sent with six digits."""


@dataclass(frozen=True, slots=True)
class Probed:
    """Mean recall@10 by endpoint, and how many questions were left out, by what was wrong."""

    recall: Mapping[str, float]
    left_out: Mapping[str, int]


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
) -> Probed:
    """Judge at most `most` kept answers, one of each question; `NotReached` where every one is refused."""
    kept = {_question(one.kept): one for one in records if one.kept and one.is_good}
    chosen = list(kept.values())[:: max(1, -(-len(kept) // most))]
    found: dict[str, list[float]] = {}
    left_out: Counter[str] = Counter()
    for number, one in enumerate(chosen):
        assert one.kept is not None  # noqa: S101  # just looked
        try:
            exact = _exact(http, one.kept)
        except ValueError as error:
            left_out[f"{one.endpoint}: asked exactly: {error}"] += 1
            if left_out.total() == len(chosen):
                said = f"the probe could not ask {one.kept['path']} exactly: {error}"
                raise NotReached(
                    f"{said}; the key in VLCLIP_API_KEY needs the scope metrics for it"
                ) from error
        except httpx2.HTTPError as error:
            left_out[f"not asked exactly: {error!r}"] = len(chosen) - number
            break
        else:
            found.setdefault(one.endpoint, []).append(recall(one.kept["ids"], exact))
        sleep(1 / rate_per_s)
    return Probed({name: float(np.mean(values)) for name, values in found.items()}, left_out)


def _question(kept: Mapping[str, Any]) -> tuple[str, str]:
    return kept["path"], kept["body"]


def _exact(http: httpx2.Client, kept: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Ids with scores, best first; `ValueError` says what came instead."""
    asked = {"exact": True, "limit": DEPTH}
    if kept["body"]:
        answer = http.post(kept["path"], json=json.loads(kept["body"]) | asked)
    else:
        answer = http.get(kept["path"], params=asked)
    if not answer.is_success:
        raise ValueError(f"status {answer.status_code}")
    try:
        return [(result["id"], result["score"]) for result in answer.json()["results"]]
    except (ValueError, TypeError, KeyError):
        raise ValueError("not a list") from None
