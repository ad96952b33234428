"""The routes that give lists: similar items, search, recommendations. Every list that is served is logged."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from vlclip.engine.photos.decoding import decode
from vlclip.ranking.history.events import unit_of
from vlclip.ranking.lists.grouping import GROUP
from vlclip.ranking.lists.request import ListRequest
from vlclip.service.access.auth import check_exact, check_knows
from vlclip.service.api.reading import SEARCH_FORMS, describe_query, read_query, read_search
from vlclip.service.http.answers import ListShape
from vlclip.service.http.errors import NotReady
from vlclip.service.http.list_json import list_shape
from vlclip.service.http.requests import ListQuery, SimilarQuery
from vlclip.service.http.routing import PlainRoute
from vlclip.service.shop.list_memory import is_short
from vlclip.service.shop.served_list import ServedList, hand_over
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.stages import queued, stage
from vlclip.service.shop.workers import Workers


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
    """A route is a method; each ends in `_answer`, which makes the list and hands it over to be logged."""

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
        """Take the list from memory, or make it: on the loop where that is quick, else on a worker."""
        began = time.perf_counter()
        check_knows(request.user, list_request.unit, explain=explain)
        if list_request.page.exact:
            check_exact(request.user)
        lists, answered = self._shop.lists, None
        if lists is not None and lists.suits(list_request):
            key = list_request.anchor, request.scope["query_string"]
            answered = lists.serve(key, list_request, filter_form, began, explain=explain)
        if answered is None:
            task = ListTask(self._shop, list_request, photo, filter_form, began, explain)
            if not self._is_quick(list_request):
                answered = await self._workers.run(request, queued(task.encode_and_make))
            elif list_request.kind == "search":
                answered = await self._workers.run(
                    request, task.make, first=queued(task.encode), on_loop=True
                )
            else:
                answered = await self._workers.run(request, queued(task.make), on_loop=True)
        body, served_list = answered
        hand_over(request.scope, served_list)
        return Response(body, media_type="application/json")

    def _is_quick(self, list_request: ListRequest) -> bool:
        """Whether a list takes a few milliseconds and waits for nothing: no history, no server.

        The first filter on a field makes its index, and the variants of groups are many items.
        """
        shop, conditions = self._shop, list_request.page.filter.conditions
        return (
            shop.lists is not None
            and is_short(list_request, shop.settings.search)
            and not (list_request.unit or conditions or shop.store.has_field(GROUP))
            and list_request.kind != "recommendations"
        )


@dataclass
class ListTask:
    """A list to be made: `encode` what is searched for, which takes its time, then `make` the list."""

    shop: Shop
    request: ListRequest
    photo: bytes | None
    filter_form: Any
    began: float
    explain: bool

    def __post_init__(self) -> None:
        self._recommender = self.shop.recommender

    def encode(self) -> None:
        """Decode the photo, and encode it and the words."""
        photo, text = None, self.request.text.strip()
        if self.photo is not None:
            with stage("rank"):
                photo = decode(self.photo, self.shop.settings.fetch.limits)
            self.request = replace(self.request, photo=photo)
        if text or photo is not None:
            directions = self._recommender.embedder.embed_query(text=text, photo=photo)
            self._recommender = self._recommender.with_query(directions)

    def encode_and_make(self) -> tuple[bytes, ServedList]:
        """Both steps."""
        if self.request.kind == "search":
            self.encode()
        return self.make()

    def make(self) -> tuple[bytes, ServedList]:
        """The list as JSON, and what is to be handed over of it."""
        answer, served_list = self.shop.shoppers.serve(self._recommender, self.request, self.filter_form)
        took_ms = (time.perf_counter() - self.began) * 1000
        with stage("serialise"):
            shape = list_shape(answer, served_list.request_id, took_ms, explain=self.explain)
            return orjson.dumps(shape), served_list
