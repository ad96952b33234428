"""The requests that rankings are compared on: items, words, shoppers, or the requests of a log's lists.

Laws (tests/service/commands/test_compare.py):
- the arm that made a log answers a logged request with the list that was logged;
- a request that cannot be made again is left out with its reason, and never changed into another one;
- the same seed draws the same requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vlclip.engine.store.store import Store
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.replay.logged_list import read_logged_list
from vlclip.ranking.experiments.outcome import Logged
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.request import ListRequest


@dataclass(frozen=True, slots=True)
class LogSample:
    """Requests drawn from a log, the ids of the items that were shown for each, and how many were left out.

    `left_out` counts by reason.
    """

    requests: tuple[ListRequest, ...] = ()
    lists: tuple[tuple[str, ...], ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def describe(request: ListRequest) -> str:
    """The request in a few words, for people."""
    match request.kind:
        case "similar":
            return f"like {request.anchor}"
        case "search":
            return f"“{request.text}”"
        case "recommendations":
            return f"for {request.unit}"


def draw_anchors(store: Store, count: int, seed: int) -> list[ListRequest]:
    """Similar items of `count` items of the store, drawn by chance; the store's own order does not matter."""
    ids = sorted(record.id for batch in store.scan(fields=("id",)) for record in batch)
    return [ListRequest(kind="similar", anchor=ids[row]) for row in _rows(len(ids), count, seed)]


def read_queries(path: Path, count: int, seed: int) -> list[ListRequest]:
    """A search for each line of a text file; of more than `count` lines, that many drawn by chance."""
    lines = _lines(path)
    return [ListRequest(kind="search", text=lines[row]) for row in _rows(len(lines), count, seed)]


def read_users(path: Path, count: int, seed: int) -> list[ListRequest]:
    """Recommendations for the user on each line; of more than `count` lines, that many drawn by chance."""
    lines = _lines(path)
    return [
        ListRequest(kind="recommendations", unit=unit_of(lines[row]))
        for row in _rows(len(lines), count, seed)
    ]


def sample_log(log: Iterable[Logged], count: int, seed: int) -> LogSample:
    """At most `count` first pages of a log, drawn by chance, all equally likely."""
    rng, left_out, fitting = np.random.default_rng(seed), Counter[str](), 0
    sample: list[tuple[ListRequest, tuple[str, ...]]] = []
    for exposure, _ in log:
        logged = read_logged_list(exposure)
        if isinstance(logged, str):
            left_out[logged] += 1
            continue
        # the k-th list that fits takes the place of one in the sample with a chance of count / k
        place = fitting if fitting < count else int(rng.integers(fitting + 1))
        fitting += 1
        if place < count:
            sample[place : place + 1] = [(logged.request, logged.items)]
    requests, lists = zip(*sample, strict=True) if sample else ((), ())
    return LogSample(requests, lists, dict(left_out))


def _rows(n: int, count: int, seed: int) -> Sequence[int]:
    """At most `count` of n rows, by chance, in their order."""
    if n <= count:
        return range(n)
    rows: list[int] = np.sort(np.random.default_rng(seed).choice(n, count, replace=False)).tolist()
    return rows


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"{path} cannot be read ({error}); give a text file with one entry a line"
        ) from None
    return [line.strip() for line in lines if line.strip()]
