"""The routes that give lists: similar items, search, recommendations. Every list served is an exposure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ingestion.photos import decode
from ranking.answer import Answer, Page
from ranking.events import unit_of
from ranking.experiments.arm import Arm
from ranking.experiments.exposure import ListKind
from service.errors import BadRequest, NotReady
from service.schemas import ListShape, SearchBody, list_shape, read_body, read_filter, read_weights
from service.shoppers import asked_form
from service.wiring import Shop

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
                        "diversity": {"type": "number"},
                        "user": {"type": "string"},
                        "session": {"type": "string"},
                        "exact": {"type": "boolean"},
                        "explain": {"type": "boolean"},
                    },
                }
            },
        },
    }
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every list over GET may be asked for; `clauses` is the filter as it was written."""

    page: Page
    weights: dict[str, float]
    clauses: list[str]
    explain: bool


def read_wanted(
    *,
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
    diversity: Annotated[float | None, Query(description="0 is pure relevance, 1 pure variety")] = None,
    exact: Annotated[bool, Query(description="compare every item: slow, for checks of the index")] = False,
    explain: Annotated[bool, Query(description="say how the list came about")] = False,
) -> Wanted:
    """The query parameters of a list."""
    page = Page(
        limit=limit, offset=offset, filter=read_filter(filter), exclude=tuple(exclude or ()),
        collapse=collapse, diversity=diversity, exact=exact,
    )  # fmt: skip
    return Wanted(page, read_weights(weights), filter or [], explain)


Asked = Annotated[Wanted, Depends(read_wanted)]
User = Annotated[str, Query(description="whose history is blended in")]
Session = Annotated[str, Query(description="the same, for somebody not logged in")]


def add_list_routes(app: FastAPI, shop: Shop) -> None:
    """Similar items, search, recommendations."""
    max_pixels = shop.settings.fetch.max_pixels

    @app.get("/v1/items/{item_id:path}/similar", response_model=ListShape, tags=["lists"])
    async def similar(item_id: str, asked: Asked, user: User = "", session: Session = "") -> Response:
        """Items like this one, best first, each with the parts of its score."""
        unit = unit_of(user, session)

        def run(arm: Arm) -> Answer:
            return shop.recommender.similar(
                item_id, weights=asked.weights, page=asked.page, shopper=unit, arm=arm
            )

        context = {"anchor": item_id, "filter": asked.clauses}
        return await _answer(shop, "similar", unit, asked, context, run)

    @app.post("/v1/search", response_model=ListShape, tags=["lists"], openapi_extra=MULTIPART)
    async def search(request: Request) -> Response:
        """Items that fit words, a photo, or both: JSON for words, multipart/form-data for a photo."""
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        body, photo, page, clauses = await _read_search(request)
        unit = unit_of(body.user, body.session)

        def run(arm: Arm) -> Answer:
            decoded = None if photo is None else decode(photo, max_pixels=max_pixels)
            return shop.recommender.search(
                body.text, photo=decoded, weights=body.weights, page=page, shopper=unit, arm=arm
            )

        context = {"text": body.text, "photo": photo is not None, "filter": clauses or body.filter}
        asked = Wanted(page, body.weights, [], body.explain)
        return await _answer(shop, "search", unit, asked, context, run)

    async def recommendations(unit: str, asked: Wanted) -> Response:
        def run(arm: Arm) -> Answer:
            return shop.recommender.recommend(unit, weights=asked.weights, page=asked.page, arm=arm)

        return await _answer(shop, "recommendations", unit, asked, {"filter": asked.clauses}, run)

    @app.get("/v1/users/{user:path}/recommendations", response_model=ListShape, tags=["lists"])
    async def for_user(user: str, asked: Asked) -> Response:
        """Items for a user, by what they did; for somebody new, what others do most with."""
        return await recommendations(unit_of(user), asked)

    @app.get("/v1/sessions/{session:path}/recommendations", response_model=ListShape, tags=["lists"])
    async def for_session(session: str, asked: Asked) -> Response:
        """Items for somebody who is not logged in."""
        return await recommendations(unit_of("", session), asked)


async def _answer(
    shop: Shop,
    kind: ListKind,
    unit: str,
    asked: Wanted,
    context: Mapping[str, Any],
    run: Callable[[Arm], Answer],
) -> Response:
    """Rank by the shopper's arm, log the list with what was asked, answer."""
    began = time.perf_counter()
    context = {**context, "asked": asked_form(asked.weights, asked.page)}
    answer, request_id = await run_in_threadpool(
        shop.shoppers.serve, kind, unit, context, asked.page.offset, run
    )
    took_ms = (time.perf_counter() - began) * 1000
    return JSONResponse(list_shape(answer, request_id, took_ms, explain=asked.explain))


async def _read_search(request: Request) -> tuple[SearchBody, bytes | None, Page, list[str]]:
    """The search, its photo, its page and its filter's clauses, from JSON (which has none) or from a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = read_body(SearchBody, await request.body())
        return body, None, body.page(), []
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
    clauses = fields.pop("filter", [])
    weights = read_weights(fields.pop("weights", [""])[-1])
    exclude = fields.pop("exclude", [])
    single = {name: values[-1] for name, values in fields.items()}
    body = read_body(SearchBody, single | {"weights": weights, "exclude": exclude})
    return body, photo, replace(body.page(), filter=read_filter(clauses)), clauses
