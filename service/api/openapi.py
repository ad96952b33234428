"""What /openapi.json says beside the routes: how errors look, and which keys are taken.

/docs shows it to people. FastAPI's own /docs loads scripts from another host; this page has none.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from vlclip.service.access.auth import OPEN
from vlclip.service.api.described import Description
from vlclip.service.http.answers import Problem
from vlclip.service.http.html import page
from vlclip.service.http.json_body import describe_models
from vlclip.service.http.problems import PROBLEM
from vlclip.service.http.requests import BatchItem, EventsBody, HashesBody, IdsBody, ItemBody, SearchBody

DOCS = "/docs"
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request is at fault; `code` says how.", "content": {PROBLEM: _PROBLEM}},
    "5XX": {"description": "The server is at fault or not ready.", "content": {PROBLEM: _PROBLEM}},
}
"""Responses of every route."""
BODIES = (SearchBody, ItemBody, BatchItem, HashesBody, IdsBody, EventsBody)
"""What requests send; the routes read it themselves (http/json_body.py), so FastAPI does not know of it."""
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `vlclip_…`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class DescribedApi(FastAPI):
    """FastAPI, with a description that knows problem+json and API keys, and a page of it without scripts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(docs_url=None, redoc_url=None, **options)
        self._page: Response | None = None
        self.add_api_route(DOCS, self._docs, include_in_schema=False)

    def _docs(self) -> Response:
        """The page, made once."""
        if self._page is None:
            description = Description(self.openapi())
            values = {"groups": description.groups, "shapes": description.shapes}
            self._page = page("docs", {**values, "summary": self.summary or "", "version": self.version})
        return self._page

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            described = super().openapi()
            parts = described.setdefault("components", {})
            parts.setdefault("schemas", {}).update(
                {"Problem": Problem.model_json_schema(), **describe_models(*BODIES)}
            )
            parts["securitySchemes"] = _KEYS
            for path, operations in described["paths"].items():
                for operation in operations.values():
                    # {}: a server without any key asks for none
                    operation["security"] = [] if path in OPEN else [{}, *({name: []} for name in _KEYS)]
        return super().openapi()
