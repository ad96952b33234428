"""The recall probe: compares answers with those of the same requests asked with `exact=true`.

Laws (tests/loadtest/test_probe.py):
- an answer that is the exact one has a recall of 1, one that shares nothing with it 0;
- among items of equal exact score, any counts as right;
- the scores in the fast answer are ignored;
- a question counts once, however popular, so that no single question decides;
- a question that is refused (its item was deleted since) is left out and counted;
- a service that is gone or hangs is not waited for repeatedly; the questions not asked yet are counted.
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
from vlclip.loadtest.session import PROBED_RESULTS

K = PROBED_RESULTS
DEPTH = 50
"""Results that an exact answer has: enough to hold the ties with the tenth."""
TIE = 2e-6
"""Scores this close are equal, since they are sent with six digits."""


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
    """Judge at most `most` answers, one of each question; `NotReached` where every one is refused."""
    questions = {_question(record.probe): record for record in records if record.probe and record.is_good}
    sample = list(questions.values())[:: max(1, -(-len(questions) // most))]
    recalls: dict[str, list[float]] = {}
    left_out: Counter[str] = Counter()
    for number, record in enumerate(sample):
        assert record.probe is not None  # noqa: S101  # just looked
        try:
            exact = _exact(http, record.probe)
        except ValueError as error:
            left_out[f"{record.endpoint}: asked exactly: {error}"] += 1
            if left_out.total() == len(sample):
                refusal = f"the probe could not ask {record.probe['path']} exactly: {error}"
                raise NotReached(
                    f"{refusal}; the key in VLCLIP_API_KEY needs the scope metrics for it"
                ) from error
        except httpx2.HTTPError as error:
            left_out[f"not asked exactly: {error!r}"] = len(sample) - number
            break
        else:
            recalls.setdefault(record.endpoint, []).append(recall(record.probe["ids"], exact))
        sleep(1 / rate_per_s)
    return Probed({name: float(np.mean(values)) for name, values in recalls.items()}, left_out)


def _question(question: Mapping[str, Any]) -> tuple[str, str]:
    return question["path"], question["body"]


def _exact(http: httpx2.Client, question: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Ids with scores, best first; `ValueError` says what came instead."""
    parameters = {"exact": True, "limit": DEPTH}
    if question["body"]:
        answer = http.post(question["path"], json=json.loads(question["body"]) | parameters)
    else:
        answer = http.get(question["path"], params=parameters)
    if not answer.is_success:
        raise ValueError(f"status {answer.status_code}")
    try:
        return [(result["id"], result["score"]) for result in answer.json()["results"]]
    except (ValueError, TypeError, KeyError):
        raise ValueError("not a list") from None
