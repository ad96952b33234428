"""The routes of the web page at `/`: its views, the actions of their forms, photos and files.

Every view is a form that works without scripts; htmx asks the same address and replaces only what changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from vlclip.ranking.errors import UnknownItem
from vlclip.service.http.html import ASSETS, KEY_COOKIE, asset, fragment, page
from vlclip.service.page.actions import add_actions
from vlclip.service.page.photos import photo_of
from vlclip.service.page.state import PageState
from vlclip.service.page.views import VIEWS, View
from vlclip.service.page.visit import read_visit
from vlclip.service.shop.served_list import hand_over
from vlclip.service.shop.shop import Shop

FETCHES = 8
"""Photos fetched for browsers at a time."""
NAVIGATION = [(view.path, view.label) for view in VIEWS if view.label]


def add_page_routes(app: FastAPI, shop: Shop) -> None:
    """Everything under `/` and `/page/`."""
    state = PageState(shop)
    for view in VIEWS:
        app.add_api_route(view.path, _route(view, state), include_in_schema=False)
    add_actions(app, state)
    _add_files(app, state)


def _route(view: View, state: PageState) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        """The view, or for htmx its results."""
        visit = read_visit(request)
        content = await run_in_threadpool(view.content, state, visit)
        if content.shelf is not None:
            hand_over(request.scope, content.shelf.served_list)
        values = {**content.values, "user": visit.user, "fragment": visit.is_fragment}
        if visit.is_fragment:
            return fragment(view.template, values, content.status)
        around = {"here": visit.path, "navigation": NAVIGATION, "has_key": KEY_COOKIE in request.cookies}
        return page(view.template, {**values, **around}, content.status)

    return show


def _add_files(app: FastAPI, state: PageState) -> None:
    # of its own, so that slow hosts of photos keep nobody else waiting
    fetching = anyio.CapacityLimiter(FETCHES)

    @app.get("/page/photo", include_in_schema=False)
    async def photo(id: str = "", number: int = 0) -> Response:
        def read() -> tuple[bytes, str]:
            record = state.shop.store.retrieve([id], fields=("image", "photos")).get(id)
            if record is None:
                raise UnknownItem(f"no item {id!r} in the store")
            return state.item_photos.read(photo_of(record.payload, number))

        data, media_type = await anyio.to_thread.run_sync(read, limiter=fetching)
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(data, media_type=media_type, headers=headers)

    for path in ASSETS:
        app.add_api_route(path, partial(_asset, path), include_in_schema=False)


async def _asset(path: str) -> Response:
    return asset(path)
