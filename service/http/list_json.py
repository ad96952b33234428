"""Lists as JSON, the same over HTTP and on the command line; `ListShape` describes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vlclip.ranking.lists.answer import Answer, Result


def result_shape(result: Result) -> dict[str, Any]:
    """A result as JSON, the same over HTTP and on the command line."""
    shape = {} if result.variants is None else asdict(result.variants)
    shape.pop("members", None)
    variants = {"variants": shape} if shape else {}
    return {
        "id": result.id,
        "score": round(result.score, 6),
        "parts": {name: round(part, 6) for name, part in result.parts.items()},
        "item": dict(result.item),
        "duplicates": list(result.duplicates),
        **variants,
    }


def list_shape(answer: Answer, request_id: str, took_ms: float, *, explain: bool) -> dict[str, Any]:
    """A list as JSON."""
    body: dict[str, Any] = {
        "results": [result_shape(result) for result in answer],
        "took_ms": round(took_ms, 2),
        "request_id": request_id,
        "strategy": answer.strategy,
        "arm": answer.arm.id,
    }
    if explain:
        tastes = [{"weight": round(taste.weight, 4), "items": list(taste.items)} for taste in answer.tastes]
        body["explanation"] = {"weights": dict(answer.weights), "tastes": tastes}
    return body
