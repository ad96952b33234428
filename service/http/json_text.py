"""JSON of strangers, in a body, a field or an option, read within limits.

Law (tests/service/http/test_json_body.py): whatever is nested deeper than `MAX_DEPTH` is a `BadRequest`, in
every body and field that holds JSON.
"""

from __future__ import annotations

from typing import Any

import orjson

from vlclip.service.http.errors import BadRequest, TooLarge

MAX_DEPTH = 16
"""Lists and objects inside each other; what the API takes has five."""
MAX_VALUES = 50_000
"""Values of one body."""


def read_json(content: bytes | str, most: int = MAX_VALUES, whole: str = "the body") -> Any:
    """The JSON in `content`; a `BadRequest` or `TooLarge` says why it cannot be taken.

    `whole` names what is read.
    """
    raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    opened = raw.count(b"[") + raw.count(b"{")
    values = opened + raw.count(b",")
    if values > most:
        raise TooLarge(f"{whole} holds about {values:,} values; at most {most:,} are taken at once")
    try:
        form = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise _too_deep(whole) from None
        raise BadRequest(f"{whole} cannot be read as JSON: {error}") from None
    if opened > MAX_DEPTH:
        _check_depth(form, whole)
    return form


def _check_depth(form: Any, whole: str) -> None:
    level = [form]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise _too_deep(whole)


def _too_deep(whole: str) -> BadRequest:
    return BadRequest(f"{whole} has lists or objects nested more than {MAX_DEPTH} deep; send it flatter")
