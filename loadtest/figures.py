"""Figures from records: percentiles, shares and rates by endpoint, and over time.

Laws (tests/loadtest/test_figures.py):
- `all` holds every request once;
- percentiles are those of the good answers, so refusals do not make a service look fast;
- the errors over time are those of the figures;
- an even rate is even over time, also at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlclip.loadtest.plan import ENDPOINTS
from vlclip.loadtest.record import Record

POINTS = 120
"""Most points of time in a series."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one endpoint; a figure without any data is None.

    Percentiles are None without a good answer, `error_share` without a request, recall without a probe.
    `rate_per_s` are good answers. `busy` are the allowed 503, which are neither good nor errors.
    """

    requests: int
    errors: int
    busy: int
    error_share: float | None
    rate_per_s: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    recall_at_10: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A point of time of a run: seconds since its start, and the requests and answers of then."""

    at_s: float
    requests_per_s: float
    errors_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def by_endpoint(records: Sequence[Record], seconds: float, *, allow_busy: bool = False) -> dict[str, Figures]:
    """Figures of every endpoint that was asked, and of `all`."""
    records_by_name = {name: [record for record in records if record.endpoint == name] for name in ENDPOINTS}
    return {
        name: _figures(chosen, seconds, allow_busy=allow_busy)
        for name, chosen in {**records_by_name, "all": records}.items()
        if chosen or name == "all"
    }


def over_time(
    records: Sequence[Record], begin: float, end: float, *, allow_busy: bool = False
) -> list[Point]:
    """A point for each second, or for several if the run is long; all points are equally long."""
    if end <= begin:
        return []
    count = min(POINTS, max(1, int(end - begin)))
    width = (end - begin) / count
    bins: list[list[Record]] = [[] for _ in range(count)]
    for record in records:
        if begin <= record.at < end:
            bins[min(count - 1, int((record.at - begin) / width))].append(record)
    points = []
    for number, members in enumerate(bins):
        figures = _figures(members, width, allow_busy=allow_busy)
        points.append(Point(
            (number + 0.5) * width, len(members) / width, figures.errors / width,
            figures.p50_ms, figures.p95_ms, figures.p99_ms,
        ))  # fmt: skip
    return points


def reasons(records: Sequence[Record]) -> dict[str, int]:
    """How often each error came, by endpoint, the commonest first."""
    counts = Counter(f"{record.endpoint}: {record.error}" for record in records if record.error)
    return dict(counts.most_common(20))


def _figures(records: Sequence[Record], seconds: float, *, allow_busy: bool) -> Figures:
    good = sum(record.is_good for record in records)
    busy = sum(record.is_busy for record in records) if allow_busy else 0
    errors = len(records) - good - busy
    share = errors / len(records) if records else None
    return Figures(len(records), errors, busy, share, good / seconds, *_percentiles(records))


def _percentiles(records: Sequence[Record]) -> tuple[float | None, float | None, float | None]:
    good = [record.ms for record in records if record.is_good]
    if not good:
        return None, None, None
    p50, p95, p99 = np.percentile(good, [50, 95, 99])
    return float(p50), float(p95), float(p99)
