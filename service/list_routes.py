"""The routes that give lists: similar items, search, recommendations. Every list served is an exposure."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ingestion.photos import decode
from ranking.answer import Answer, Page
from ranking.events import unit_of
from ranking.experiments.arm import Arm
from ranking.experiments.exposure import ListKind
from service.errors import BadRequest, NotReady
from service.schemas import ListShape, SearchBody, list_shape, read_body, read_filter, read_weights
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
                        "explain": {"type": "boolean"},
                    },
                }
            },
        },
    }
}

Limit = Annotated[int | None, Query(description="how many results")]
Offset = Annotated[int, Query(description="how many of the best to skip")]
Weights = Annotated[str | None, Query(description="weights per part", examples=["image=1,text=0.5"])]
Filters = Annotated[list[str] | None, Query(description="clauses, or JSON objects", examples=[["price<50"]])]
Exclude = Annotated[list[str] | None, Query(description="item ids to leave out")]
Collapse = Annotated[bool | None, Query(description="show one of results with near-duplicate photos")]
Diversity = Annotated[float | None, Query(description="0 is pure relevance, 1 pure variety")]
User = Annotated[str, Query(description="whose history is blended in")]
Session = Annotated[str, Query(description="the same, for somebody not logged in")]
Explain = Annotated[bool, Query(description="say how the list came about")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A list as it was asked for; `context` is what the log keeps of the question."""

    kind: ListKind
    page: Page
    weights: dict[str, float]
    shopper: str
    explain: bool
    context: Mapping[str, Any] = field(default_factory=dict)


def add_list_routes(app: FastAPI, shop: Shop) -> None:
    """Similar items, search, recommendations."""
    max_pixels = shop.settings.fetch.max_pixels

    @app.get("/v1/items/{item_id:path}/similar", response_model=ListShape, tags=["lists"])
    async def similar(
        item_id: str,
        limit: Limit = None,
        offset: Offset = 0,
        weights: Weights = None,
        filter: Filters = None,
        exclude: Exclude = None,
        collapse: Collapse = None,
        diversity: Diversity = None,
        user: User = "",
        session: Session = "",
        explain: Explain = False,  # noqa: FBT002 - a query parameter
    ) -> Response:
        """Items like this one, best first, each with the parts of its score."""
        page = Page(
            limit=limit, offset=offset, filter=read_filter(filter), exclude=tuple(exclude or ()),
            collapse=collapse, diversity=diversity,
        )  # fmt: skip
        asked = _Asked(
            kind="similar", page=page, weights=read_weights(weights), shopper=unit_of(user, session),
            explain=explain, context={"anchor": item_id, "filter": filter or []},
        )  # fmt: skip
        return await _answer(
            shop, asked,
            lambda arm: shop.recommender.similar(
                item_id, weights=asked.weights, page=page, shopper=asked.shopper, arm=arm
            ),
        )  # fmt: skip

    @app.post("/v1/search", response_model=ListShape, tags=["lists"], openapi_extra=MULTIPART)
    async def search(request: Request) -> Response:
        """Items that fit words, a photo, or both: JSON for words, multipart/form-data for a photo."""
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        body, photo, page = await _read_search(request)
        asked = _Asked(
            kind="search", page=page, weights=body.weights, shopper=unit_of(body.user, body.session),
            explain=body.explain,
            context={"text": body.text, "photo": photo is not None, "filter": body.filter},
        )  # fmt: skip

        def run(arm: Arm) -> Answer:
            decoded = None if photo is None else decode(photo, max_pixels=max_pixels)
            return shop.recommender.search(
                body.text, photo=decoded, weights=body.weights, page=page, shopper=asked.shopper, arm=arm
            )

        return await _answer(shop, asked, run)

    async def recommendations(
        unit: str,
        limit: Limit,
        offset: Offset,
        weights: Weights,
        filter: Filters,
        exclude: Exclude,
        collapse: Collapse,
        diversity: Diversity,
        explain: Explain,
    ) -> Response:
        page = Page(
            limit=limit, offset=offset, filter=read_filter(filter), exclude=tuple(exclude or ()),
            collapse=collapse, diversity=diversity,
        )  # fmt: skip
        asked = _Asked(
            kind="recommendations", page=page, weights=read_weights(weights), shopper=unit, explain=explain,
            context={"filter": filter or []},
        )  # fmt: skip
        return await _answer(
            shop, asked,
            lambda arm: shop.recommender.recommend(unit, weights=asked.weights, page=page, arm=arm),
        )  # fmt: skip

    @app.get("/v1/users/{user:path}/recommendations", response_model=ListShape, tags=["lists"])
    async def for_user(
        user: str,
        limit: Limit = None,
        offset: Offset = 0,
        weights: Weights = None,
        filter: Filters = None,
        exclude: Exclude = None,
        collapse: Collapse = None,
        diversity: Diversity = None,
        explain: Explain = False,  # noqa: FBT002
    ) -> Response:
        """Items for a user, by what they did; for somebody new, what others do most with."""
        return await recommendations(
            unit_of(user), limit, offset, weights, filter, exclude, collapse, diversity, explain
        )

    @app.get("/v1/sessions/{session:path}/recommendations", response_model=ListShape, tags=["lists"])
    async def for_session(
        session: str,
        limit: Limit = None,
        offset: Offset = 0,
        weights: Weights = None,
        filter: Filters = None,
        exclude: Exclude = None,
        collapse: Collapse = None,
        diversity: Diversity = None,
        explain: Explain = False,  # noqa: FBT002
    ) -> Response:
        """Items for somebody who is not logged in."""
        return await recommendations(
            unit_of("", session), limit, offset, weights, filter, exclude, collapse, diversity, explain
        )


async def _answer(shop: Shop, asked: _Asked, run: Callable[[Arm], Answer]) -> Response:
    """Rank by the shopper's arm, log the list, answer."""
    began = time.perf_counter()
    # the list's own: a caller may send one X-Request-Id with several requests
    request_id = uuid.uuid4().hex

    def rank() -> Answer:
        answer = run(shop.shoppers.arm(asked.shopper))
        shop.shoppers.showed(answer, request_id, asked.kind, asked.shopper, asked.context, asked.page.offset)
        return answer

    answer = await run_in_threadpool(rank)
    took_ms = (time.perf_counter() - began) * 1000
    return JSONResponse(list_shape(answer, request_id, took_ms, explain=asked.explain))


async def _read_search(request: Request) -> tuple[SearchBody, bytes | None, Page]:
    """The search, its photo and its page, from JSON or from a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = read_body(SearchBody, await request.body())
        return body, None, body.page()
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
    return body, photo, replace(body.page(), filter=read_filter(clauses))
