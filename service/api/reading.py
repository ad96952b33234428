"""How a request for a list is read, and how OpenAPI describes what it may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from fastapi import Request
from starlette.datastructures import QueryParams

from vlclip.engine.filters import read_filter
from vlclip.ranking.lists.answer import Page
from vlclip.service.http.errors import BadRequest
from vlclip.service.http.json_body import describe_body, off_the_loop
from vlclip.service.http.requests import REPEATED, ListQuery, SearchBody, read_body
from vlclip.service.http.weights import read_weights

Query = TypeVar("Query", bound=ListQuery)
REMEMBERED, REMEMBERED_BYTES = 1000, 200
"""Query strings that were read and are not read again, and the most bytes of such a one."""
MAX_FIELDS, MAX_FIELD_BYTES = 50, 65_536
"""Fields of a form beside its photo, and bytes of each."""
SEARCH_FORMS = {
    "requestBody": {
        "required": True,
        "content": {
            **describe_body(SearchBody)["requestBody"]["content"],
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
                        "group_by": {"type": "string", "enum": ["group", "none"]},
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
"""The two bodies of a search, as OpenAPI describes them."""


@dataclass(frozen=True, slots=True)
class QueryForm(Generic[Query]):
    """The query parameters of a list, and what they say. Requests share it, so nobody changes it."""

    query: Query
    page: Page
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SearchForm:
    """A search as it was sent; `clauses` is the filter of a form as it was written, [] for a JSON body."""

    body: SearchBody
    photo: bytes | None
    page: Page
    clauses: list[str]

    @property
    def filter_form(self) -> Any:
        """The filter as the log keeps it: the clauses of a form, or the JSON of a body."""
        return self.clauses or with_floats(self.body.filter)


def describe_query(query: type[ListQuery]) -> dict[str, Any]:
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


def read_query(shape: type[Query], request: Request) -> QueryForm[Query]:
    """The query parameters of a request; of one that is repeated and no list, the last counts."""
    sent = request.scope["query_string"]
    if len(sent) <= REMEMBERED_BYTES:
        return cast("QueryForm[Query]", _read_again(shape, sent))
    return _read_query(shape, sent)


def _read_query(shape: type[Query], sent: bytes) -> QueryForm[Query]:
    params = QueryParams(sent)
    form: dict[str, Any] = dict(params)
    for name in REPEATED:
        if name in form:
            form[name] = params.getlist(name)
    query = read_body(shape, form)
    return QueryForm(query, query.page(), read_weights(query.weights))


_read_again = lru_cache(REMEMBERED)(_read_query)


async def read_search(request: Request) -> SearchForm:
    """The search of a request, from JSON or from a form with a photo."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        raw = await request.body()
        return await off_the_loop(len(raw), lambda: _of_json(raw))
    if media_type != "multipart/form-data":
        raise BadRequest("send application/json, or multipart/form-data with a photo")
    fields: dict[str, list[str]] = {}
    photo: bytes | None = None
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
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
    return SearchForm(body, photo, replace(body.page(), filter=read_filter(clauses)), clauses)


def _of_json(raw: bytes) -> SearchForm:
    body = read_body(SearchBody, raw)
    return SearchForm(body, None, body.page(), [])


def with_floats(form: Any) -> Any:
    """A filter's JSON with its numbers as they are compared: the log holds no integer of over 64 bits."""
    if isinstance(form, dict):
        return {name: with_floats(value) for name, value in form.items()}
    if isinstance(form, list):
        return [with_floats(value) for value in form]
    return float(form) if isinstance(form, int) and not isinstance(form, bool) else form
