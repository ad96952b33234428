"""The routes that give lists: similar items, search, recommendations. Every list that is served is logged."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from vlclip.engine.photos.decoding import decode
from vlclip.engine.store.cache.remembered import NotRemembered
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.recommender import Recommender
from vlclip.ranking.lists.request import ListRequest
from vlclip.service.access.auth import check_exact, check_knows
from vlclip.service.api.reading import SEARCH_FORMS, describe_query, read_query, read_search
from vlclip.service.http.answers import ListShape
from vlclip.service.http.errors import NotReady
from vlclip.service.http.list_json import list_shape
from vlclip.service.http.requests import ListQuery, SimilarQuery
from vlclip.service.http.routing import PlainRoute
from vlclip.service.shop.served_list import ServedList, hand_over
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.stages import queued, stage
from vlclip.service.shop.workers import Workers

AT_ONCE = 24
"""Results of the longest list that is made without a worker, where all of it is remembered."""


def add_list_routes(app: FastAPI, shop: Shop, workers: Workers) -> None:
    """Similar items, search, recommendations."""
    routes = ListRoutes(shop, workers)
    add = partial(
        app.router.add_api_route, response_model=ListShape, tags=["lists"], route_class_override=PlainRoute
    )
    of_similar, of_list = describe_query(SimilarQuery), describe_query(ListQuery)
    add("/v1/items/{item_id:path}/similar", routes.similar, openapi_extra=of_similar)
    add("/v1/search", routes.search, methods=["POST"], openapi_extra=SEARCH_FORMS)
    add("/v1/users/{user:path}/recommendations", routes.for_user, openapi_extra=of_list)
    add("/v1/sessions/{session:path}/recommendations", routes.for_session, openapi_extra=of_list)


class ListRoutes:
    """A route is a method; each ends in `_answer`, which makes the list on a worker."""

    def __init__(self, shop: Shop, workers: Workers) -> None:
        self._shop, self._workers = shop, workers

    async def similar(self, request: Request, item_id: str) -> Response:
        """Items like this one, best first, each with the parts of its score."""
        form = read_query(SimilarQuery, request)
        query = form.query
        list_request = ListRequest(
            kind="similar", anchor=item_id, page=form.page, weights=form.weights,
            unit=unit_of(query.user, query.session),
        )  # fmt: skip
        return await self._answer(request, list_request, query.filter or [], explain=query.explain)

    async def search(self, request: Request) -> Response:
        """Items that fit words, a photo, or both: JSON for words, multipart/form-data for a photo."""
        if not self._shop.is_ready:
            raise NotReady(self._shop.why_not_ready)
        self._workers.admit()  # before a photo is read
        form = await read_search(request)
        list_request = ListRequest(
            kind="search", text=form.body.text, page=form.page, weights=form.body.weights,
            unit=unit_of(form.body.user, form.body.session),
        )  # fmt: skip
        return await self._answer(
            request, list_request, form.filter_form, photo=form.photo, explain=form.body.explain
        )

    async def for_user(self, request: Request, user: str) -> Response:
        """Items for a user, by what they did; for somebody new, what others do most with."""
        return await self._recommend(request, unit_of(user))

    async def for_session(self, request: Request, session: str) -> Response:
        """Items for somebody who is not logged in."""
        return await self._recommend(request, unit_of("", session))

    async def _recommend(self, request: Request, unit: str) -> Response:
        form = read_query(ListQuery, request)
        query = form.query
        list_request = ListRequest(kind="recommendations", unit=unit, page=form.page, weights=form.weights)
        return await self._answer(request, list_request, query.filter or [], explain=query.explain)

    async def _answer(
        self,
        request: Request,
        list_request: ListRequest,
        filter_form: Any,
        *,
        photo: bytes | None = None,
        explain: bool,
    ) -> Response:
        """Make the list on a worker, which decodes the photo as well, and hand it over to be logged."""
        began = time.perf_counter()
        check_knows(request.user, list_request.unit, explain=explain)
        if list_request.page.exact:
            check_exact(request.user)

        def work() -> tuple[bytes, ServedList]:
            shop, ready_request = self._shop, list_request
            if photo is not None:
                with stage("rank"):
                    image = decode(photo, shop.settings.fetch.limits)
                ready_request = replace(list_request, photo=image)
            return self._body(shop.recommender, ready_request, filter_form, began, explain=explain)

        try:
            remembered = self._remembered(list_request)
            body, served_list = self._body(remembered, list_request, filter_form, began, explain=explain)
        except NotRemembered:
            body, served_list = await self._workers.run(request, queued(work))
        hand_over(request.scope, served_list)
        return Response(body, media_type="application/json")

    def _remembered(self, list_request: ListRequest) -> Recommender:
        """What makes a list from memory alone, for which a thread is not worth its turn.

        `NotRemembered` for other lists: one for somebody reads their history, and a long one would hold all
        other requests up.
        """
        page, remembered = list_request.page, self._shop.remembered
        is_short = (page.limit or self._shop.settings.search.limit) <= AT_ONCE and not page.offset
        if (
            remembered is None or list_request.kind != "similar" or list_request.unit
            or page.exact or not is_short
        ):  # fmt: skip
            raise NotRemembered
        return remembered

    def _body(
        self,
        recommender: Recommender,
        list_request: ListRequest,
        filter_form: Any,
        began: float,
        *,
        explain: bool,
    ) -> tuple[bytes, ServedList]:
        answer, served_list = self._shop.shoppers.serve(recommender, list_request, filter_form)
        took_ms = (time.perf_counter() - began) * 1000
        with stage("serialise"):
            shape = list_shape(answer, served_list.request_id, took_ms, explain=explain)
            return orjson.dumps(shape), served_list
