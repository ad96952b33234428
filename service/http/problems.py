"""Errors over HTTP: problem+json after RFC 9457, with a stable `code` and the id of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from vlclip.service.http.answers import Problem
from vlclip.service.http.html import is_page, sentence

PROBLEM = "application/problem+json"
RETRY_AFTER_S = 2
"""Seconds after which to retry a 503: models get warm and locks get free within seconds, or not at all."""


def problem(
    scope: Scope,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    fields: Sequence[str] | None = None,
) -> Response:
    """The answer that says what went wrong with the request of `scope`; page addresses get it as a page.

    `fields` names the fields of the request that are at fault, where the code is of such a kind.
    """
    extra = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    if is_page(scope["path"]):
        return sentence(scope, status, detail, {**extra, **(headers or {})})
    body = Problem(
        title=code.replace("-", " "), status=status, detail=detail, code=code,
        request_id=scope["state"]["request_id"], fields=fields,
    )  # fmt: skip
    form = body.model_dump(exclude_none=True)
    return JSONResponse(form, status_code=status, media_type=PROBLEM, headers={**extra, **(headers or {})})
