"""The web page at `/`: search, an item and its like, a shopper's history and list, the experiment.

Every view is a form that works by itself; htmx asks the same address and changes the part that changed.
Who looks is a cookie with a name of their choice; what nobody does is not kept.

Laws (tests/service/page/test_page.py):
- a click, a cart, a purchase or a dislike is kept before the next list is made;
- what another site makes a browser send changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from vlclip.ranking.errors import UnknownItem
from vlclip.ranking.history.event_kinds import CLICK, EVENT_KINDS
from vlclip.ranking.settings import DAY_S
from vlclip.service.demo.page import data_uri
from vlclip.service.http.errors import BadRequest
from vlclip.service.http.html import ASSETS, KEY_COOKIE, KEY_PATH, asset, is_fragment, page
from vlclip.service.page.form import WEIGHT, read_form
from vlclip.service.page.views import DAYS, Views
from vlclip.service.shop.served_list import hand_over
from vlclip.service.shop.shop import Shop

USER_COOKIE = "vlclip_user"
MAX_NAME = 100
COOKIE_S = 90 * DAY_S
VIEWS = frozenset({"/", "/page/item", "/page/you", "/page/experiments"})
FETCHES = 8
"""Photos fetched for browsers at a time."""
WHY = {
    "bad-key": "This key is not known here, or was revoked.",
    "forbidden": "This key may not see that page. Lists need one with the scope 'read', what a shopper did "
    "one with 'write' too, and experiments one with 'metrics' or 'write' too.",
}


def add_page_routes(app: FastAPI, shop: Shop) -> None:
    """Everything under `/` and `/page/`."""
    views = Views(shop)
    _add_views(app, views)
    _add_actions(app, views)
    _add_files(app, views)


def _add_views(app: FastAPI, views: Views) -> None:
    @app.get("/", include_in_schema=False)
    async def search(request: Request) -> Response:
        form, user = read_form(request.query_params), _user(request)
        shown = await run_in_threadpool(views.search, form, user)
        shown["photo"] = data_uri(views.asked.get(form.photo)) if form.photo and not shown["problem"] else ""
        if not is_fragment(request.headers):
            shown["facets"] = await run_in_threadpool(views.facets.get)
            shown["has_price"] = await run_in_threadpool(lambda: views.facets.has_price)
        return _view(request, "search", user, shown)

    @app.get("/page/item", include_in_schema=False)
    async def item(request: Request) -> Response:
        item_id, user = request.query_params.get("id", ""), _user(request)
        shown = await run_in_threadpool(views.item, item_id)
        shown |= await run_in_threadpool(views.similar, item_id, read_form(request.query_params), user)
        kind = EVENT_KINDS.get(request.query_params.get("told", ""))
        shown |= {"list": request.query_params.get("list", ""), "told": kind.label if kind else ""}
        return _view(request, "item", user, shown)

    @app.get("/page/you", include_in_schema=False)
    async def you(request: Request) -> Response:
        user = _user(request)
        return _view(
            request, "you", user, await run_in_threadpool(views.you, read_form(request.query_params), user)
        )

    @app.get("/page/experiments", include_in_schema=False)
    async def experiments(request: Request) -> Response:
        days = request.query_params.get("days", "")
        shown = await run_in_threadpool(views.experiments, int(days) if days in map(str, DAYS) else DAYS[1])
        return _view(request, "experiments", _user(request), {**shown, "problem": "", "status": 200})


def _add_actions(app: FastAPI, views: Views) -> None:
    @app.get("/page/click", include_in_schema=False)
    async def click(request: Request) -> Response:
        item_id, list_id = request.query_params.get("item", ""), request.query_params.get("list", "")
        user = _user(request)
        # nobody's clicks are not kept, nor what a browser fetches ahead; one list's item is clicked once
        if user and list_id and "prefetch" not in request.headers.get("sec-purpose", ""):
            event_id = f"page click {uuid.uuid5(uuid.NAMESPACE_OID, f'{user} {list_id} {item_id}')}"
            await run_in_threadpool(views.tell, user, CLICK.name, item_id, list_id, event_id)
        return _see("/page/item", {"id": item_id, "list": list_id})

    @app.post("/page/event", include_in_schema=False)
    async def event(request: Request) -> Response:
        fields = await _posted(request)
        kind, item_id, list_id = (fields.get(name, "") for name in ("kind", "item", "list"))
        await run_in_threadpool(views.tell, _user(request), kind, item_id, list_id)
        knobs = {
            name: value for name, value in fields.items() if name.startswith(WEIGHT) or name == "diversity"
        }
        return _see("/page/item", {"id": item_id, "list": list_id, "told": kind, **knobs})

    @app.post("/page/user", include_in_schema=False)
    async def user(request: Request) -> Response:
        fields = await _posted(request)
        name = fields.get("user", "").strip()
        if len(name) > MAX_NAME or not name.isprintable():
            raise BadRequest(f"a name has at most {MAX_NAME} characters, none of them invisible")
        answer = _back(request)
        if name and "nobody" not in fields:
            _keep(request, answer, USER_COOKIE, quote(name), COOKIE_S)
        else:
            answer.delete_cookie(USER_COOKIE)
        return answer

    @app.post("/page/photo", include_in_schema=False)
    async def photo(request: Request) -> Response:
        _same_site(request)
        async with request.form(max_files=1, max_fields=10) as fields:
            file, text = fields.get("photo"), fields.get("text", "")
            data = b"" if file is None or isinstance(file, str) else await file.read()
        if not data:
            raise BadRequest("choose a photo first")
        asked = {"photo": await run_in_threadpool(views.asked.keep, data)}
        asked |= {"text": text} if isinstance(text, str) and text else {}
        if is_fragment(request.headers):
            return Response(status_code=204, headers={"HX-Redirect": "/?" + urlencode(asked)})
        return _see("/", asked)

    @app.get(KEY_PATH, include_in_schema=False)
    async def ask_key(request: Request) -> Response:
        why = request.query_params.get("why", "")
        return page("key", {"why": WHY.get(why, "")})

    @app.post(KEY_PATH, include_in_schema=False)
    async def take_key(request: Request) -> Response:
        key = (await _posted(request)).get("key", "").strip()
        answer = _see("/")
        if key and key.isascii() and key.isprintable() and len(key) < 200:
            _keep(request, answer, KEY_COOKIE, key, None)
        else:
            answer.delete_cookie(KEY_COOKIE)
        return answer


def _add_files(app: FastAPI, views: Views) -> None:
    # of its own, so that slow hosts of photos keep nobody else waiting
    fetching = anyio.CapacityLimiter(FETCHES)

    @app.get("/page/photo", include_in_schema=False)
    async def photo(id: str = "") -> Response:
        def read() -> tuple[bytes, str]:
            record = views.shop.store.retrieve([id], fields=("image",)).get(id)
            if record is None:
                raise UnknownItem(f"no item {id!r} in the store")
            return views.photos.read(record.payload.get("image"))

        data, kind = await anyio.to_thread.run_sync(read, limiter=fetching)
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(data, media_type=kind, headers=headers)

    for path in ASSETS:
        app.add_api_route(path, partial(_asset, path), include_in_schema=False)


async def _asset(path: str) -> Response:
    return asset(path)


def _view(request: Request, name: str, user: str, shown: Mapping[str, Any]) -> Response:
    """A view, or for htmx the part of it that changes."""
    if (shelf := shown.get("shelf")) is not None:
        hand_over(request.scope, shelf.served_list)
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "offset"]
    shown = {
        **shown,
        "first": f"{request.url.path}?{urlencode(kept)}",
        "more": f"{request.url.path}?{urlencode([*kept, ('offset', shown.get('next', 0))])}",
    }
    if is_fragment(request.headers):
        return page(f"{name}_part", {**shown, "user": user, "fragment": True}, shown["status"])
    around = {"here": request.url.path, "has_key": KEY_COOKIE in request.cookies}
    return page(name, {**shown, **around, "user": user, "fragment": False}, shown["status"])


def _user(request: Request) -> str:
    """Who looks, "" for nobody."""
    return unquote(request.cookies.get(USER_COOKIE, ""))[:MAX_NAME]


def _keep(request: Request, answer: Response, name: str, value: str, seconds: int | None) -> None:
    """A cookie that no script reads and no other site makes a browser send."""
    answer.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )


def _see(path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> Response:
    """Send the browser on, so that looking again repeats nothing."""
    return RedirectResponse(f"{path}?{urlencode(fields)}" if fields else path, 303)


async def _posted(request: Request) -> dict[str, str]:
    """The fields of a small form of our own."""
    _same_site(request)
    async with request.form(max_files=0, max_fields=50) as fields:
        return {name: value for name, value in fields.multi_items() if isinstance(value, str)}


def _same_site(request: Request) -> None:
    """Refuse what another site makes a browser send; browsers say so in a header."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise BadRequest("this came from another site; open the page itself")


def _back(request: Request) -> Response:
    """Send the browser to the view it came from, its list as it is for whoever looks now."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.path not in VIEWS:
        return _see("/")
    return _see(parts.path, [(name, value) for name, value in parse_qsl(parts.query) if not _is_knob(name)])


def _is_knob(name: str) -> bool:
    return name.startswith(WEIGHT) or name in {"diversity", "offset", "told", "list"}
