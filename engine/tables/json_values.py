"""JSON as shops write it, with NaN."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class JsonProblem:
    """Why a text is not JSON."""

    reason: str


def parse_json(content: bytes) -> Any:
    """The value, or a `JsonProblem`. NaN, which Python writes and JSON lacks, is accepted."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as strict:
        reason = str(strict)
    if b"NaN" not in content and b"Infinity" not in content:
        return JsonProblem(reason)
    try:
        value = json.loads(content)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return JsonProblem(reason)
    return value
