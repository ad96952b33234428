"""What watching adds to a request: stages, metrics, an access line, spans, above a handler that does nothing.

Given are medians of processor time, which says the same on a busy machine.

OMP_NUM_THREADS=1 python -m benchmarks.watching
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from types import SimpleNamespace

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vlclip.engine.space import FusedSpace, Segment
from vlclip.engine.store.store import StoreInfo
from vlclip.service.observing.logs import formatter, log_access
from vlclip.service.observing.metrics import Metrics
from vlclip.service.observing.middleware import Watch
from vlclip.service.observing.tracing import Traces
from vlclip.service.settings import Log, Tracing
from vlclip.service.shop.served_list import ServedList, expect_list, hand_over
from vlclip.service.shop.stages import queued, stage
from vlclip.service.shop.workers import Workers

REQUESTS, ROUNDS = 2000, 15
ROUTE = SimpleNamespace(path_format="/v1/search")


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        """Nothing is sent."""
        return SpanExportResult.SUCCESS


def drop(_: object) -> None:
    """Stand in for the log of exposures."""


async def handler(scope: Scope, _: Receive, send: Send) -> None:
    scope["route"] = ROUTE

    def work() -> None:
        with stage("rank"):
            with stage("encode"):
                pass
            for _ in range(2):
                with stage("search"):
                    pass
        with stage("serialise"):
            pass

    queued(work)()
    hand_over(scope, ServedList("r", "search", "default", "content"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def microseconds(app: ASGIApp) -> float:
    async def send(_: Message) -> None:
        pass

    async def receive() -> Message:
        return {"type": "http.request"}

    fixed = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"x")] * 8}
    began = process_time()
    for _ in range(REQUESTS):
        scope = {**fixed, "state": {"request_id": "r"}}
        expect_list(scope)
        await app(scope, receive, send)
    return (process_time() - began) / REQUESTS * 1e6


def main() -> None:
    metrics = Metrics(SimpleNamespace(), Workers(1, queue=1, max_wait_s=1))
    info = StoreInfo("f", FusedSpace((Segment("image", 4),)), {})
    traces = Traces(Tracing(), "0", info, BatchSpanProcessor(Nowhere()))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        handling = logging.StreamHandler(nowhere)
        handling.setFormatter(formatter(Log()))
        ours = logging.getLogger("vlclip")
        ours.addHandler(handling)
        ours.setLevel("INFO")
        ours.propagate = False
        apps = {
            "nothing": handler,
            "marking the stages": Watch(handler, [], drop),
            "and counting them": Watch(handler, [metrics.observe], drop),
            "and an access line": Watch(handler, [metrics.observe, log_access], drop),
            "and spans, without the line": Watch(handler, [metrics.observe, traces.observe], drop),
        }
        took: dict[str, list[float]] = {name: [] for name in apps}
        for _ in range(ROUNDS):
            for name, app in apps.items():
                took[name].append(asyncio.run(microseconds(app)))
    nothing = statistics.median(took["nothing"])
    for name, durations in took.items():
        print(f"{name:28} {statistics.median(durations) - nothing:7.1f} us")
    traces.close()


if __name__ == "__main__":
    main()
