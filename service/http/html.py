"""HTML pages: the templates, the headers of every page, and errors as a sentence.

Laws (tests/service/page/test_page.py):
- a page loads nothing from another host and runs only the two files of its own;
- a title is always shown as text, whatever is in it;
- every error under a page's address is a sentence in a page, an error of the middleware too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Scope

TEMPLATES = Path(__file__).parents[1] / "page" / "templates"
STATIC = TEMPLATES.with_name("static")
ASSETS = {"/page/style.css": "text/css", "/page/htmx.min.js": "text/javascript"}
"""The files that pages load, without a key."""
KEY_PATH = "/page/key"
"""Where a user enters an API key; this page needs none."""
KEY_COOKIE = "vlclip_key"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Vary": "HX-Request",
}

_PAGES = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.globals["assets"] = {
    path: f"{path}?v={hashlib.sha256((STATIC / Path(path).name).read_bytes()).hexdigest()[:8]}"
    for path in ASSETS
}


def is_page(path: str) -> bool:
    """Whether this path is for people; all other paths are for programs."""
    return path == "/" or path.startswith("/page/")


def is_fragment(headers: Headers) -> bool:
    """Whether htmx sent the request and needs only the part that changes."""
    return headers.get("hx-request") == "true"


def page(
    name: str, values: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer with `values` in the template `name`."""
    html = _PAGES.get_template(f"{name}.html.j2").render(values)
    return HTMLResponse(html, status, {**HEADERS, **(headers or {})})


def fragment(
    name: str, values: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The part of the template `name` that htmx replaces: its block `results`, by itself."""
    template = _PAGES.get_template(f"{name}.html.j2")
    html = "".join(template.blocks["results"](template.new_context(dict(values))))
    return HTMLResponse(html, status, {**HEADERS, **(headers or {})})


def asset(path: str) -> Response:
    """A file that pages load. Its address changes with its content, so browsers may cache it for long."""
    return FileResponse(
        STATIC / Path(path).name,
        media_type=ASSETS[path],
        headers={"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"},
    )


def sentence(scope: Scope, status: int, detail: str, headers: Mapping[str, str]) -> Response:
    """An error as a page or, for htmx, as the part that changes."""
    render = fragment if is_fragment(Headers(scope=scope)) else page
    return render("problem", {"problem": detail}, status, headers)


def send_to_key_form(scope: Scope, code: str) -> Response:
    """Redirect a user whose key is not accepted to the form where they can enter another."""
    address = f"{KEY_PATH}?why={code}"
    if is_fragment(Headers(scope=scope)):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
