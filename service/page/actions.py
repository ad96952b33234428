"""What the forms and links of the page do: store events, switch users, take photos and API keys.

Each action ends by sending the browser to a view. Events without a user are not stored.

Laws (tests/service/page/test_page.py):
- a click, a cart, a purchase or a dislike is stored before the next list is made;
- a request that another site makes a browser send changes nothing (access/hosts.py refuses it).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from vlclip.ranking.history.event_kinds import CLICK
from vlclip.ranking.settings import DAY_S
from vlclip.service.http.errors import BadRequest, Busy
from vlclip.service.http.html import KEY_COOKIE, KEY_PATH, is_fragment, page
from vlclip.service.http.requests import EventBody, read_body
from vlclip.service.page.form import WEIGHT
from vlclip.service.page.state import PageState
from vlclip.service.page.views import VIEWS
from vlclip.service.page.visit import MAX_NAME, USER_COOKIE, read_visit
from vlclip.service.shop.shop import Shop

COOKIE_S = 90 * DAY_S
PHOTOS = 2
"""Photos of searches decoded at a time, apart from other work: they may have to wait for memory."""
WAIT_S = 5.0
"""Seconds that an action waits for its event to be on disk."""
KEY_REASONS = {
    "bad-key": "This key is not known here, or was revoked.",
    "forbidden": "This key may not see that page. Lists need one with the scope 'read', those for a name and "
    "what somebody did one with 'users' or 'write' too, and experiments one with 'metrics' or 'write' too.",
}
"""Why the page asks for a key again, by the `code` of the refusal."""


def add_actions(app: FastAPI, state: PageState) -> None:
    """The routes that end in a redirect, and the form for a key."""
    _add_events(app, state.shop)
    _add_photo(app, state)
    _add_cookies(app)


def _add_events(app: FastAPI, shop: Shop) -> None:
    @app.get("/page/click", include_in_schema=False)
    async def click(request: Request) -> Response:
        item_id, list_id = request.query_params.get("item", ""), request.query_params.get("list", "")
        user = read_visit(request).user
        # nobody's clicks are not kept, nor what a browser fetches ahead; one list's item is clicked once
        if user and list_id and "prefetch" not in request.headers.get("sec-purpose", ""):
            event_id = f"page click {uuid.uuid5(uuid.NAMESPACE_OID, f'{user} {list_id} {item_id}')}"
            await run_in_threadpool(keep_event, shop, user, CLICK.name, item_id, list_id, event_id)
        return _send_to("/page/item", {"id": item_id, "list": list_id})

    @app.post("/page/event", include_in_schema=False)
    async def event(request: Request) -> Response:
        fields = await _read_fields(request)
        kind, item_id, list_id = (fields.get(name, "") for name in ("kind", "item", "list"))
        await run_in_threadpool(keep_event, shop, read_visit(request).user, kind, item_id, list_id)
        knobs = {
            name: value for name, value in fields.items() if name.startswith(WEIGHT) or name == "diversity"
        }
        return _send_to("/page/item", {"id": item_id, "list": list_id, "event": kind, **knobs})


def _add_photo(app: FastAPI, state: PageState) -> None:
    decoding = anyio.CapacityLimiter(PHOTOS)

    @app.post("/page/photo", include_in_schema=False)
    async def photo(request: Request) -> Response:
        async with request.form(max_files=1, max_fields=10) as fields:
            file, text = fields.get("photo"), fields.get("text", "")
            data = b"" if file is None or isinstance(file, str) else await file.read()
        if not data:
            raise BadRequest("choose a photo first")
        name = await anyio.to_thread.run_sync(state.search_photos.keep, data, limiter=decoding)
        query = {"photo": name}
        query |= {"text": text} if isinstance(text, str) and text else {}
        if is_fragment(request.headers):
            return Response(status_code=204, headers={"HX-Redirect": "/?" + urlencode(query)})
        return _send_to("/", query)


def _add_cookies(app: FastAPI) -> None:
    @app.post("/page/user", include_in_schema=False)
    async def user(request: Request) -> Response:
        fields = await _read_fields(request)
        name = fields.get("user", "").strip()
        if len(name) > MAX_NAME or not name.isprintable():
            raise BadRequest(f"a name has at most {MAX_NAME} characters, none of them invisible")
        answer = _send_back(request)
        if name and "nobody" not in fields:
            _set_cookie(request, answer, USER_COOKIE, quote(name), COOKIE_S)
        else:
            answer.delete_cookie(USER_COOKIE)
        return answer

    @app.get(KEY_PATH, include_in_schema=False)
    async def ask_key(request: Request) -> Response:
        return page("key", {"reason": KEY_REASONS.get(request.query_params.get("why", ""), "")})

    @app.post(KEY_PATH, include_in_schema=False)
    async def take_key(request: Request) -> Response:
        key = (await _read_fields(request)).get("key", "").strip()
        answer = _send_to("/")
        if key and key.isascii() and key.isprintable() and len(key) < 200:
            _set_cookie(request, answer, KEY_COOKIE, key, None)
        else:
            answer.delete_cookie(KEY_COOKIE)
        return answer


def keep_event(shop: Shop, user: str, kind: str, item_id: str, list_id: str, event_id: str = "") -> None:
    """Store an event of a user, and wait until it is on disk."""
    if not user:
        raise BadRequest("nothing is stored without a name; choose a name first")
    form = {"kind": kind, "item": item_id, "user": user, "request_id": list_id, "id": event_id}
    event = read_body(EventBody, form).event(time.time())
    try:
        shop.shoppers.tell([event]).result(WAIT_S)
    except TimeoutError:
        raise Busy("this could not be stored in time; try again in a moment") from None


def _set_cookie(request: Request, answer: Response, name: str, value: str, seconds: int | None) -> None:
    """Set a cookie that no script can read and no other site can make a browser send."""
    answer.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )


def _send_to(path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> Response:
    """Redirect the browser, so that a reload repeats nothing."""
    return RedirectResponse(f"{path}?{urlencode(fields)}" if fields else path, 303)


async def _read_fields(request: Request) -> dict[str, str]:
    """The fields of a small form of our own."""
    async with request.form(max_files=0, max_fields=50) as fields:
        return {name: value for name, value in fields.multi_items() if isinstance(value, str)}


def _send_back(request: Request) -> Response:
    """Send the browser to the view it came from, its list made for the user of now."""
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.path not in {view.path for view in VIEWS}:
        return _send_to("/")
    return _send_to(
        referer.path, [(name, value) for name, value in parse_qsl(referer.query) if not _is_of_a_list(name)]
    )


def _is_of_a_list(name: str) -> bool:
    """Whether a field belongs to one list, and not to the search."""
    return name.startswith(WEIGHT) or name in {"diversity", "offset", "event", "list"}
