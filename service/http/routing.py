"""Names the route of a request by its template, never by its path."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

UNMATCHED = "unmatched"
"""The route of a path that no route fits."""


def route_of(scope: Scope) -> str:
    """The template of the route that a request came to: `/v1/items/{item_id}/similar`."""
    route: Any = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else UNMATCHED
