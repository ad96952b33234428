"""Recall of the index, measured on what shoppers ask: a recent search beside an exact one.

Laws (tests/service/observing/test_recall.py):
- a search that finds the best, or others that score the same, has a recall of 1;
- what shoppers ask is measured by the index, also after a search that was exact;
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
    asked = replace(query, limit=DEPTH, offset=0, fields=("id",), with_vector=False, exact=False)
    found, best = store.search([asked, replace(asked, exact=True)])
    if not best:
        return None
    least = best[-1].score - TIE
    return sum(hit.score >= least for hit in found) / len(best)


async def probe(
    store: Store, recent: Callable[[], Query | None], tell: Callable[[float], None], interval_s: float
) -> None:
    """Every `interval_s` tell the recall of what was asked last; until it is cancelled."""
    last = None
    while True:
        await asyncio.sleep(interval_s)
        query = recent()
        if query is None or query is last:
            continue
        last = query
        try:
            found = await run_in_threadpool(recall, store, query)
            if found is not None:
                tell(found)
        except VlclipError as error:
            log.warning("the recall of a search could not be measured: %s", error)
        except Exception:
            log.exception("the recall of a search could not be measured; the next one will be tried")
