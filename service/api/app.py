"""The HTTP API: lists, what shoppers do, and writes that go through the pipeline.

Everything a handler needs hangs on one `Shop`; blocking work runs in the thread pool. Errors are
problem+json with a stable `code`.

Laws (tests/service/api/test_app.py):
- a service that cannot warm up says why, and tries again until it can or is stopped;
- whatever ends a service, its shop is closed;
- an application that would not log its lists does not start.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from vlclip.engine.disk import is_full
from vlclip.engine.errors import VlclipError
from vlclip.engine.opening.stores import home
from vlclip.engine.validation import explain
from vlclip.service.access.auth import METRICS, ApiKeys
from vlclip.service.access.bodies import BodyLimit, BodySizes, HeadLimit
from vlclip.service.access.hosts import Hosts, KnownHosts, OwnPages
from vlclip.service.access.keys import KeyRing, keys_in_force
from vlclip.service.access.limits import RateLimit, Timeout
from vlclip.service.access.passage import Passage, Rules
from vlclip.service.access.proxies import CallerAddresses, Proxies
from vlclip.service.access.visit import Rule
from vlclip.service.api.feeding import add_feeding_routes
from vlclip.service.api.items import add_item_routes
from vlclip.service.api.lists import add_list_routes
from vlclip.service.api.openapi import ERRORS, DescribedApi
from vlclip.service.api.shoppers import add_shopper_routes
from vlclip.service.http.errors import STATUS, NotReady, Overloaded, WouldDrop
from vlclip.service.http.problems import problem
from vlclip.service.http.routing import PastRouter, StrictRoute
from vlclip.service.observing.middleware import check_watched
from vlclip.service.observing.observers import Watching
from vlclip.service.page.routes import add_page_routes
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.workers import Pools

NO_ROOM = "a disk of this service is full; make room there, then send the request again"
WARM_AGAIN_S, WARM_RARELY_S = 1.0, 60.0
"""Seconds before the second try to warm up, doubled for each further try, and their maximum."""
HTTP_CODES = {
    400: "bad-request", 404: "not-found", 405: "method-not-allowed", 408: "request-timeout", 413: "too-large",
    503: "overloaded",
}  # fmt: skip
"""The `code` of what FastAPI and Starlette refuse themselves."""
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own spans would hold paths and queries, and so users; those of observing/tracing do not."""


def create_app(shop: Shop, host: str | None = None) -> FastAPI:
    """The application around an open shop; it closes the shop when it stops.

    `host` is the address it is going to listen on. Where it is None, only `api.hosts` says by which names the
    service may be called.
    """
    api = shop.settings.api
    pools = Pools(api)
    watching = Watching(shop, pools.lists)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            check_watched(app)
            async with watching.running(), _warming(shop):
                yield
        finally:
            await run_in_threadpool(pools.close)
            await run_in_threadpool(shop.close)

    app = DescribedApi(
        title="vlclip",
        summary="Similar items and search for shops whose products are looked at before they are bought.",
        version=shop.version,
        lifespan=lifespan,
        responses=ERRORS,
        telemetry=NO_TELEMETRY,
    )
    app.router.route_class = StrictRoute
    app.state.workers = pools.lists
    _add_middleware(app, shop, host)
    _add_errors(app, home(shop.settings))
    add_list_routes(app, shop, pools.lists)  # first, because routes are tried in this order
    _add_health(app, shop)
    add_shopper_routes(app, shop)
    add_item_routes(app, shop, pools)
    add_feeding_routes(app, shop, pools)
    add_page_routes(app, shop)
    watching.add_to(app)
    return app


@asynccontextmanager
async def _warming(shop: Shop) -> AsyncIterator[None]:
    """Make the shop ready in the background, with ever longer waits between tries."""
    stopped = asyncio.Event()

    async def warm() -> None:
        wait_s = WARM_AGAIN_S
        while not stopped.is_set():
            await run_in_threadpool(shop.warm)
            if shop.is_ready:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), wait_s)
            wait_s = min(2 * wait_s, WARM_RARELY_S)

    warming = asyncio.create_task(warm())
    try:
        yield
    finally:
        stopped.set()
        await warming


def _add_health(app: FastAPI, shop: Shop) -> None:
    asking = anyio.CapacityLimiter(1)  # of its own, so that no other work keeps it waiting

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Answers while the process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> dict[str, Any]:
        """200 once the models are warm and the store answers, else 503; `warnings` say what is amiss.

        `degraded` names the parts that are damaged (store, history, exposures, ledger); lists are made
        without.
        """
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        items = await anyio.to_thread.run_sync(shop.store.count, limiter=asking)
        further = {"warnings": shop.shoppers.warnings, "degraded": list(shop.damage)}
        return {"status": "ready", "items": items} | {name: says for name, says in further.items() if says}


def _add_middleware(app: FastAPI, shop: Shop, host: str | None = None) -> None:
    """Names, keys, rates, limits on bodies and time, in one passage. What is added last is the outermost."""
    api = shop.settings.api
    keys = KeyRing(keys_in_force(shop.settings), required=api.require_keys)
    free = (METRICS,) if shop.settings.metrics.open else ()
    hosts, proxies = Hosts(api.hosts, host), Proxies(api.proxies)

    def is_open(path: str) -> bool:
        return keys.is_open or path in free

    sizes = BodySizes(api.max_body_bytes, api.max_batch_bytes, api.max_json_bytes, api.max_held_bytes)
    outer: list[Rule] = [
        HeadLimit(),
        KnownHosts(hosts, is_open),
        CallerAddresses(proxies, api.forwarded_header, hosts),
        OwnPages(api.cors_origins, is_open),
    ]
    inner: list[Rule] = [ApiKeys(keys, free), RateLimit(api.requests_per_minute)]
    app.add_middleware(PastRouter, api=app)
    app.add_middleware(BodyLimit, sizes=sizes)
    app.add_middleware(Timeout, seconds=api.timeout_s, write_seconds=api.write_timeout_s)
    if api.cors_origins:
        app.add_middleware(Rules, rules=inner)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "X-Request-Id"),
            expose_headers=("X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"),
        )
        app.add_middleware(Passage, rules=outer)
    else:
        app.add_middleware(Passage, rules=[*outer, *inner])


def _add_errors(app: FastAPI, records: Path) -> None:
    @app.exception_handler(VlclipError)
    async def expected(request: Request, error: VlclipError) -> Response:
        headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Overloaded) else None
        status = STATUS.get(error.code, 500)
        if isinstance(error, WouldDrop):
            return problem(request.scope, status, error.code, str(error), headers, fields=error.fields)
        return problem(request.scope, status, error.code, str(error), headers)

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.Error)
    async def no_room(request: Request, error: Exception) -> Response:
        if not is_full(error, records):
            raise error
        return problem(request.scope, STATUS["disk-full"], "disk-full", NO_ROOM)

    @app.exception_handler(ClientDisconnect)
    async def left(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=499)  # only the log and the metrics read it, as nginx's

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(request.scope, 400, "bad-request", explain(error.errors(), whole="body", skip=1))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = HTTP_CODES.get(error.status_code, "http-error")
        return problem(request.scope, error.status_code, code, str(error.detail), error.headers)
