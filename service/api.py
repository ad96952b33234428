"""The HTTP API: similar items, search by words or photo, and writes that go through the pipeline.

Everything a handler needs hangs on one `Shop`; blocking work runs in the thread pool. Errors are
problem+json with a stable `code`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware

from engine.errors import VlclipError
from ingestion.photos import decode
from ranking.answer import Page, Result
from ranking.errors import UnknownItem
from service.auth import ApiKeys, refusal
from service.description import ERRORS, DescribedApi
from service.errors import STATUS, BadRequest, NotReady, RefusedItem, TooLarge
from service.keys import KeyRing, keys_path
from service.limits import BodyLimit, RateLimit, Timeout
from service.problems import problem
from service.request_id import RequestIds
from service.schemas import (
    BatchItem,
    BatchShape,
    ItemBody,
    ItemShape,
    ListShape,
    SearchBody,
    WrittenShape,
    read_body,
    read_filter,
    read_weights,
    result_shape,
)
from service.wiring import Shop

MAX_BATCH = 1000
HTTP_CODES = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
"""The `code` of what FastAPI and Starlette refuse themselves."""
MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": SearchBody.model_json_schema(ref_template="#/components/schemas/{model}")
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "photo": {"type": "string", "format": "binary"},
                        "text": {"type": "string"},
                        "weights": {"type": "string", "description": "image=1,text=0.5 or JSON"},
                        "filter": {"type": "string", "description": "price<50 or JSON"},
                        "exclude": {"type": "array", "items": {"type": "string"}},
                        "limit": {"type": "integer"},
                        "offset": {"type": "integer"},
                        "collapse": {"type": "boolean"},
                    },
                }
            },
        },
    }
}


def create_app(shop: Shop) -> FastAPI:
    """The application around an open shop; it closes the shop when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(run_in_threadpool(shop.warm))
        yield
        await asyncio.wait([warming])
        await run_in_threadpool(shop.close)

    app = DescribedApi(
        title="vlclip",
        summary="Similar items and search for shops whose products are looked at before they are bought.",
        version=shop.version,
        lifespan=lifespan,
        responses=ERRORS,
    )
    _add_manners(app, shop)
    _add_errors(app)
    _add_health(app, shop)
    _add_lists(app, shop)
    _add_items(app, shop)
    return app


def _add_lists(app: FastAPI, shop: Shop) -> None:
    max_pixels = shop.settings.fetch.max_pixels

    @app.get("/v1/items/{item_id:path}/similar", response_model=ListShape, tags=["lists"])
    async def similar(
        request: Request,
        item_id: str,
        limit: Annotated[int | None, Query(description="how many results")] = None,
        offset: Annotated[int, Query(description="how many of the best to skip")] = 0,
        weights: Annotated[
            str | None, Query(description="weights per part", examples=["image=1,text=0.5"])
        ] = None,
        filter: Annotated[
            list[str] | None, Query(description="clauses, or JSON objects", examples=[["price<50"]])
        ] = None,
        exclude: Annotated[list[str] | None, Query(description="item ids to leave out")] = None,
        collapse: Annotated[
            bool | None, Query(description="show one of results with near-duplicate photos")
        ] = None,
    ) -> Response:
        """Items like this one, best first, each with the parts of its score."""
        began = time.perf_counter()
        page = Page(
            limit=limit, offset=offset, filter=read_filter(filter), exclude=tuple(exclude or ()),
            collapse=collapse,
        )  # fmt: skip
        chosen = read_weights(weights)
        results = await run_in_threadpool(
            lambda: shop.recommender.similar(item_id, weights=chosen, page=page)
        )
        return _list(request, results, began)

    @app.post("/v1/search", response_model=ListShape, tags=["lists"], openapi_extra=MULTIPART)
    async def search(request: Request) -> Response:
        """Items that fit words, a photo, or both: JSON for words, multipart/form-data for a photo."""
        began = time.perf_counter()
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        asked = await _read_search(request)

        def run() -> Sequence[Result]:
            photo = None if asked.photo is None else decode(asked.photo, max_pixels=max_pixels)
            return shop.recommender.search(asked.text, photo=photo, weights=asked.weights, page=asked.page)

        return _list(request, await run_in_threadpool(run), began)


def _add_items(app: FastAPI, shop: Shop) -> None:
    @app.post("/v1/items:batch", response_model=BatchShape, tags=["items"])
    async def put_batch(items: list[BatchItem]) -> BatchShape:
        """Add or replace up to 1,000 items; one that fails does not stop the others."""
        if len(items) > MAX_BATCH:
            raise TooLarge(f"{len(items)} items in one batch; send at most {MAX_BATCH}")
        written = await run_in_threadpool(shop.put, [(body.id, body) for body in items])
        counts = Counter(one.status for one in written)
        return BatchShape(
            results=written,
            embedded=counts["embedded"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
        )

    @app.put("/v1/items/{item_id:path}", response_model=WrittenShape, tags=["items"])
    async def put_item(item_id: str, body: ItemBody) -> WrittenShape:
        """Add or replace one item; it answers once the item can be found."""
        written = (await run_in_threadpool(shop.put, [(item_id, body)]))[0]
        if written.status == "failed":
            raise RefusedItem(written.reason)
        return written

    @app.get("/v1/items/{item_id:path}", response_model=ItemShape, tags=["items"])
    async def get_item(item_id: str) -> ItemShape:
        """One stored item with what made its vector."""
        record = (await run_in_threadpool(shop.store.retrieve, [item_id])).get(item_id)
        if record is None:
            raise UnknownItem(f"no item {item_id!r} in the store")
        payload = dict(record.payload)
        provenance = payload.pop("provenance", {})
        return ItemShape(id=item_id, item=payload, provenance=provenance)

    @app.delete("/v1/items/{item_id:path}", status_code=204, tags=["items"])
    async def delete_item(item_id: str) -> Response:
        """Remove one item."""
        if not await run_in_threadpool(shop.delete, item_id):
            raise UnknownItem(f"no item {item_id!r} in the store")
        return Response(status_code=204)


def _add_health(app: FastAPI, shop: Shop) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Answers while the process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> dict[str, Any]:
        """200 once the models are warm and the store answers, else 503."""
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        return {"status": "ready", "items": await run_in_threadpool(shop.store.count)}


def _add_manners(app: FastAPI, shop: Shop) -> None:
    """Who may ask, how much and how long; what is added last is the outermost."""
    api = shop.settings.api
    app.add_middleware(BodyLimit, max_bytes=api.max_body_bytes)
    app.add_middleware(RateLimit, per_minute=api.requests_per_minute)
    keys = KeyRing(keys_path(shop.settings))
    app.add_middleware(AuthenticationMiddleware, backend=ApiKeys(keys), on_error=refusal)
    app.add_middleware(Timeout, seconds=api.timeout_s, write_seconds=api.write_timeout_s)
    if api.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api.cors_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "X-Request-Id"),
            expose_headers=("X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"),
        )
    app.add_middleware(RequestIds)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(VlclipError)
    async def known(request: Request, error: VlclipError) -> Response:
        return problem(request.scope, STATUS.get(error.code, 500), error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "body"
        return problem(request.scope, 400, "bad-request", f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = HTTP_CODES.get(error.status_code, "http-error")
        return problem(request.scope, error.status_code, code, str(error.detail), error.headers)


def _list(request: Request, results: Sequence[Result], began: float) -> Response:
    body = {
        "results": [result_shape(result) for result in results],
        "took_ms": round((time.perf_counter() - began) * 1000, 2),
        "request_id": request.state.request_id,
    }
    return JSONResponse(body)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search as asked, from JSON or from a form."""

    text: str
    photo: bytes | None
    weights: dict[str, float]
    page: Page


async def _read_search(request: Request) -> _Asked:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = read_body(SearchBody, await request.body())
        return _Asked(body.text, None, body.weights, body.page())
    if kind != "multipart/form-data":
        raise BadRequest("send application/json, or multipart/form-data with a photo")
    fields: dict[str, list[str]] = {}
    photo: bytes | None = None
    async with request.form(max_files=1, max_fields=50) as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
            elif name == "photo":
                photo = await value.read()
            else:
                raise BadRequest(f"unknown file field {name!r}; the photo's field is 'photo'")
    clauses = fields.pop("filter", None)
    weights = read_weights(fields.pop("weights", [""])[-1])
    exclude = fields.pop("exclude", [])
    single = {name: values[-1] for name, values in fields.items()}
    body = read_body(SearchBody, single | {"weights": weights, "exclude": exclude})
    page = replace(body.page(), filter=read_filter(clauses))
    return _Asked(body.text, photo, weights, page)
