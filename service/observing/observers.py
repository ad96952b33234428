"""Everything that watches one service, put together: metrics, the access log, traces, the probe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from vlclip.service.access.auth import METRICS
from vlclip.service.observing.logs import log_access
from vlclip.service.observing.metrics import Metrics
from vlclip.service.observing.middleware import Observer, Watch
from vlclip.service.observing.recall import probe
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.workers import Workers

if TYPE_CHECKING:
    from vlclip.service.observing.tracing import Traces


class Watching:
    """What watches `shop`, as its settings say."""

    def __init__(self, shop: Shop, workers: Workers) -> None:
        self._shop, self.metrics = shop, Metrics(shop, workers)
        self._traces: Traces | None = None
        self._observers: list[Observer] = [self.metrics.observe]
        if shop.settings.log.access:
            self._observers.append(log_access)
        if shop.settings.tracing.endpoint:
            from vlclip.service.observing.tracing import Traces  # noqa: PLC0415 - an extra, and no cost where it is off

            self._traces = Traces(shop.settings.tracing, shop.version, shop.store.info)
            self._observers.append(self._traces.observe)

    def add_to(self, app: FastAPI) -> None:
        """Watch every request of `app`, and answer /metrics; call it after all other middleware is added."""
        app.add_middleware(Watch, observers=self._observers, record=self._shop.shoppers.record)

        @app.get(
            METRICS,
            tags=["health"],
            response_class=Response,
            responses={200: {"content": {"text/plain": {}}}},
        )
        async def metrics(request: Request) -> Response:
            """What is counted and measured here, for Prometheus."""
            accept = request.headers.get("accept", "")
            text, content_type = await run_in_threadpool(self.metrics.exposition, accept)
            return Response(text, media_type=content_type)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the service runs."""
        interval_s = self._shop.settings.metrics.probe_interval_s
        probing = None
        if interval_s:
            shop, report = self._shop, self.metrics.observe_recall
            probing = asyncio.create_task(probe(shop.store, lambda: shop.watched.recent, report, interval_s))
        try:
            yield
        finally:
            if probing is not None:
                probing.cancel()
                with suppress(asyncio.CancelledError):
                    await probing
            if self._traces is not None:
                await run_in_threadpool(self._traces.close)
