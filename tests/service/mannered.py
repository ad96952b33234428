"""An API with our manners and two routes of no cost, for tests that need no shop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from fastapi import Request
from fastapi.testclient import TestClient

from vlclip.service.api.app import _add_errors, _add_middleware
from vlclip.service.api.openapi import DescribedApi
from vlclip.service.settings import Settings


def mannered(store: Path, **api) -> TestClient:
    app = DescribedApi()
    _add_middleware(app, SimpleNamespace(settings=Settings(store=str(store), api=api)))
    _add_errors(app, store)

    @app.api_route("/v1/{rest:path}", methods=["GET", "PUT", "POST", "DELETE"], include_in_schema=False)
    async def answer(request: Request, rest: str) -> dict:
        return {"read": len(await request.body())}

    @app.get("/healthz")
    async def healthz() -> dict:
        return {}

    @app.get("/broken")
    async def broken() -> dict:
        raise RuntimeError("a screw is loose")

    return TestClient(app, raise_server_exceptions=False)


def problem(response, status: int, code: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["request_id"] == response.headers["x-request-id"]
    return body
