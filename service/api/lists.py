"""The routes that give lists: similar items, search, recommendations. Every list served is an exposure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from vlclip.ingestion.photos.decoding import decode
from vlclip.ranking.experiments.exposure import ListKind
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.answer import Answer, Page
from vlclip.ranking.lists.arm import Arm
from vlclip.service.access.auth import check_exact
from vlclip.service.http.errors import BadRequest, NotReady
from vlclip.service.http.schemas import (
    LISTED,
    ListQuery,
    ListShape,
    SearchBody,
    SimilarQuery,
    list_shape,
    read_body,
    read_filter,
    read_weights,
)
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.shoppers import asked_form
from vlclip.service.shop.stages import queued, stage
from vlclip.service.shop.workers import Workers

Query = TypeVar("Query", bound=ListQuery)
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
    """What every list may be asked for; `clauses` is the filter as it was written."""

    page: Page
    weights: dict[str, float]
    clauses: list[str]
    explain: bool


def described(query: type[ListQuery]) -> dict[str, Any]:
    """The query parameters as OpenAPI describes them.

    FastAPI would describe them by itself, but then it reads them as well, which takes longer than all else it
    does with a request (docs/benchmarks.md).
    """
    parameters = []
    for name, schema in query.model_json_schema()["properties"].items():
        if schema.get("default", ...) is None:
            del schema["default"]
        parameters.append(
            {"name": name, "in": "query", "required": False, "schema": schema}
            | {"description": schema["description"]}
        )
    return {"parameters": parameters}


def read_query(shape: type[Query], request: Request) -> Query:
    """The query parameters of a request; of one that is repeated and no list, the last counts."""
    given = request.query_params
    form: dict[str, Any] = dict(given)
    for name in LISTED:
        if name in form:
            form[name] = given.getlist(name)
    return read_body(shape, form)


def wanted(query: ListQuery) -> Wanted:
    """What the query parameters ask for."""
    return Wanted(query.page(), read_weights(query.weights), query.filter or [], query.explain)


def add_list_routes(app: FastAPI, shop: Shop, workers: Workers) -> None:
    """Similar items, search, recommendations."""
    max_pixels = shop.settings.fetch.max_pixels
    of_similar, of_list = described(SimilarQuery), described(ListQuery)

    @app.get(
        "/v1/items/{item_id:path}/similar", response_model=ListShape, tags=["lists"], openapi_extra=of_similar
    )
    async def similar(request: Request, item_id: str) -> Response:
        """Items like this one, best first, each with the parts of its score."""
        query = read_query(SimilarQuery, request)
        asked, unit = wanted(query), unit_of(query.user, query.session)

        def run(arm: Arm) -> Answer:
            return shop.recommender.similar(
                item_id, weights=asked.weights, page=asked.page, shopper=unit, arm=arm
            )

        context = {"anchor": item_id, "filter": asked.clauses}
        return await answer(request, "similar", unit, asked, context, run)

    @app.post("/v1/search", response_model=ListShape, tags=["lists"], openapi_extra=MULTIPART)
    async def search(request: Request) -> Response:
        """Items that fit words, a photo, or both: JSON for words, multipart/form-data for a photo."""
        if not shop.is_ready:
            raise NotReady(shop.why_not_ready)
        workers.admit()  # before a photo is read
        body, photo, page, clauses = await _read_search(request)
        unit = unit_of(body.user, body.session)

        def run(arm: Arm) -> Answer:
            decoded = None if photo is None else decode(photo, max_pixels=max_pixels)
            return shop.recommender.search(
                body.text, photo=decoded, weights=body.weights, page=page, shopper=unit, arm=arm
            )

        context = {"text": body.text, "photo": photo is not None, "filter": clauses or _floats(body.filter)}
        asked = Wanted(page, body.weights, [], body.explain)
        return await answer(request, "search", unit, asked, context, run)

    async def recommendations(request: Request, unit: str) -> Response:
        asked = wanted(read_query(ListQuery, request))

        def run(arm: Arm) -> Answer:
            return shop.recommender.recommend(unit, weights=asked.weights, page=asked.page, arm=arm)

        return await answer(request, "recommendations", unit, asked, {"filter": asked.clauses}, run)

    @app.get(
        "/v1/users/{user:path}/recommendations", response_model=ListShape, tags=["lists"],
        openapi_extra=of_list,
    )  # fmt: skip
    async def for_user(request: Request, user: str) -> Response:
        """Items for a user, by what they did; for somebody new, what others do most with."""
        return await recommendations(request, unit_of(user))

    @app.get(
        "/v1/sessions/{session:path}/recommendations", response_model=ListShape, tags=["lists"],
        openapi_extra=of_list,
    )  # fmt: skip
    async def for_session(request: Request, session: str) -> Response:
        """Items for somebody who is not logged in."""
        return await recommendations(request, unit_of("", session))

    async def answer(
        request: Request,
        kind: ListKind,
        unit: str,
        asked: Wanted,
        context: Mapping[str, Any],
        run: Callable[[Arm], Answer],
    ) -> Response:
        """Rank by the shopper's arm, log the list with what was asked, answer."""
        began = time.perf_counter()
        if asked.page.exact:
            check_exact(request.user)

        def work() -> bytes:
            given = {**context, "asked": asked_form(asked.weights, asked.page)}
            made, request_id = shop.shoppers.serve(kind, unit, given, asked.page.offset, run)
            took_ms = (time.perf_counter() - began) * 1000
            with stage("serialise"):
                return orjson.dumps(list_shape(made, request_id, took_ms, explain=asked.explain))

        return Response(await workers.run(request, queued(work)), media_type="application/json")


def _floats(form: Any) -> Any:
    """A filter's JSON, its numbers as they are compared: the log holds no whole number of over 64 bits."""
    if isinstance(form, dict):
        return {name: _floats(value) for name, value in form.items()}
    if isinstance(form, list):
        return [_floats(value) for value in form]
    return float(form) if isinstance(form, int) and not isinstance(form, bool) else form


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
