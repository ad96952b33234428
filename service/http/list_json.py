"""Lists as JSON, the same over HTTP and on the command line; `ListShape` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from vlclip.engine.store.cache.fields import JsonFields
from vlclip.ranking.lists.answer import Answer, Result


def result_shape(result: Result) -> dict[str, Any]:
    """A result as JSON values."""
    return _result(result, dict(result.item))


def list_shape(answer: Answer, request_id: str, took_ms: float, *, explain: bool) -> dict[str, Any]:
    """A list for `orjson`; items that are JSON already go in as they are."""
    body: dict[str, Any] = {
        "results": [_result(result, _fragment(result.item)) for result in answer],
        "took_ms": round(took_ms, 2),
        "request_id": request_id,
        "strategy": answer.strategy,
        "arm": answer.arm.id,
    }
    if explain:
        tastes = [{"weight": round(taste.weight, 4), "items": list(taste.items)} for taste in answer.tastes]
        body["explanation"] = {"weights": dict(answer.weights), "tastes": tastes}
    return body


def _result(result: Result, item: Any) -> dict[str, Any]:
    shape = {} if result.variants is None else asdict(result.variants)
    shape.pop("members", None)
    variants = {"variants": shape} if shape else {}
    return {
        "id": result.id,
        "score": round(result.score, 6),
        "parts": {name: round(part, 6) for name, part in result.parts.items()},
        "item": item,
        "duplicates": list(result.duplicates),
        **variants,
    }


def _fragment(item: Mapping[str, Any]) -> Any:
    return orjson.Fragment(item.json) if isinstance(item, JsonFields) else dict(item)
