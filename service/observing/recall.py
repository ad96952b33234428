"""Recall of the index, measured on what shoppers search for: a recent search beside an exact one.

Laws (tests/service/observing/test_recall.py):
- a search that finds the best, or others that score the same, has a recall of 1;
- recall is measured on the index, even when the recent search was exact;
- an error while measuring is logged, and the next search is measured.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from starlette.concurrency import run_in_threadpool

from vlclip.engine.errors import VlclipError
from vlclip.engine.store.store import Query, Store

log = logging.getLogger("vlclip.probe")
DEPTH = 10
TIE = 1e-5
"""Scores this close are the same: the two searches add up in different orders."""


def recall(store: Store, query: Query) -> float | None:
    """Share of the `DEPTH` best that a search by vector finds; None where nothing fits its filter."""
    indexed = replace(query, limit=DEPTH, offset=0, fields=("id",), with_vector=False, exact=False)
    hits, best = store.search([indexed, replace(indexed, exact=True)])
    if not best:
        return None
    least = best[-1].score - TIE
    return sum(hit.score >= least for hit in hits) / len(best)


async def probe(
    store: Store, recent: Callable[[], Query | None], report: Callable[[float], None], interval_s: float
) -> None:
    """Every `interval_s`, until it is cancelled, report the recall of the last search."""
    last = None
    while True:
        await asyncio.sleep(interval_s)
        query = recent()
        if query is None or query is last:
            continue
        last = query
        try:
            share = await run_in_threadpool(recall, store, query)
            if share is not None:
                report(share)
        except VlclipError as error:
            log.warning("the recall of a search could not be measured: %s", error)
        except Exception:
            log.exception("the recall of a search could not be measured; the next one will be tried")
