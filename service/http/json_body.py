"""JSON of requests: read within limits, and large bodies on threads of their own.

A body in JSON costs its reader memory and time by the number of its values, not of its bytes: photos in
base64 are a few long texts. So values are counted, by their commas and brackets, before anything is read. No
single call takes Python's lock for long, and the event loop, on which everybody waits, reads small ones only.

Law (tests/service/http/test_json_body.py): a body with too many values is refused by their number and is not
read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.json_schema import models_json_schema

from vlclip.engine.validation import explain
from vlclip.service.http.errors import BadRequest, TooLarge
from vlclip.service.http.json_text import MAX_VALUES, read_json

T = TypeVar("T")
MAX_BATCH_VALUES = 500_000
"""Values of a batch of items or patches; a thousand items with 250 attributes have half of it."""
SMALL_BYTES = 16_384
"""Up to here the event loop reads a body itself, which is done before a thread would begin."""
_REFERENCES = "#/components/schemas/{model}"
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
_READERS = ThreadPoolExecutor(2, thread_name_prefix="read")


def read_lines(content: bytes, most: int, most_lines: int) -> list[Any]:
    """JSON with a value on each line; `TooLarge` beyond `most` values in all or `most_lines` lines."""
    n_lines = content.count(b"\n") + 1
    if n_lines > most_lines + 1:  # the last line may end in one
        raise TooLarge(f"{n_lines:,} lines in one batch; send at most {most_lines:,}")
    values = content.count(b"[") + content.count(b"{") + content.count(b",")
    if values > most:
        raise TooLarge(f"the body holds about {values:,} values; at most {most:,} are taken at once")
    return [read_json(line, most, "a line of the body") for line in content.splitlines() if line.strip()]


async def read_request(request: Request, shape: type[T], most: int = MAX_VALUES) -> T:
    """The JSON body of a request as `shape`; a `BadRequest` names the first field that is wrong."""
    body = await read_raw(request)
    return await off_the_loop(len(body), lambda: checked(shape, read_json(body, most)))


async def read_raw(request: Request) -> bytes:
    """The body of a request that must be JSON, not read any further.

    A page of another site can make a browser send a text or a form, but not JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise BadRequest("send JSON, with the header Content-Type: application/json")
    return await request.body()


async def off_the_loop(size: int, read: Callable[[], T]) -> T:
    """What `read` makes of `size` bytes, on a thread where they are many."""
    if size <= SMALL_BYTES:
        return read()
    return await asyncio.get_running_loop().run_in_executor(_READERS, read)


def checked(shape: type[T], form: Any) -> T:
    """`form` as `shape`; a `BadRequest` names the first field that is wrong."""
    try:
        if shape not in _ADAPTERS:
            _ADAPTERS[shape] = TypeAdapter(shape)
        read: T = _ADAPTERS[shape].validate_python(form)
    except ValidationError as error:
        model = shape if isinstance(shape, type) and issubclass(shape, BaseModel) else None
        errors = error.errors(include_url=False, include_context=False)
        raise BadRequest(explain(errors, model, whole="body")) from None
    return read


def describe_body(shape: type[Any]) -> dict[str, Any]:
    """What OpenAPI says of a body of this shape; models are described by `describe_models`."""
    schema = TypeAdapter(shape).json_schema(ref_template=_REFERENCES)
    schema.pop("$defs", None)
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        schema = {"$ref": _REFERENCES.format(model=shape.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def describe_models(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of models and of those within them, by name."""
    _, described = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCES)
    return dict(described["$defs"])
