"""The routes for what shoppers do: send events, read a history, forget a user."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool

from vlclip.ranking.history.events import unit_of
from vlclip.service.access.auth import may_know
from vlclip.service.http.answers import AcceptedShape, EventsShape, ForgottenShape, event_shape
from vlclip.service.http.json_body import describe_body, read_request
from vlclip.service.http.requests import EventsBody
from vlclip.service.shop.shop import Shop


def add_shopper_routes(app: FastAPI, shop: Shop) -> None:
    """Events and users."""

    @app.post(
        "/v1/events",
        response_model=AcceptedShape,
        status_code=202,
        tags=["shoppers"],
        openapi_extra=describe_body(EventsBody),
    )
    async def tell(request: Request) -> AcceptedShape:
        """Take up to 1,000 events, all or none; they are on disk once this answers.

        The same id again, of the same user or session and kind, is the same event. Items that are not in the
        store are no error: events may come before their item does. A caller who may not know what a shopper
        did is told of no repetition: it would say which events there are.
        """
        body = await read_request(request, EventsBody)
        added = await asyncio.wrap_future(shop.shoppers.tell(body.read(time.time())))
        repeated = added.repeated if may_know(request.user) else 0
        return AcceptedShape(accepted=added.new + added.repeated - repeated, repeated=repeated, old=added.old)

    @app.get("/v1/users/{user:path}/events", response_model=EventsShape, tags=["shoppers"])
    async def history(
        user: str, limit: Annotated[int, Query(description="how many of the newest", ge=1, le=1000)] = 100
    ) -> EventsShape:
        """What a user did, newest first."""
        events = await run_in_threadpool(shop.shoppers.history.recent, unit_of(user), limit)
        return EventsShape(events=[event_shape(event) for event in events])

    @app.delete("/v1/users/{user:path}", response_model=ForgottenShape, tags=["shoppers"])
    async def forget(user: str) -> ForgottenShape:
        """Remove every event and every logged list of a user, for good.

        The sessions that the user's events name were the same person: what is kept of them goes as well.
        """
        return ForgottenShape(**asdict(await run_in_threadpool(shop.shoppers.forget, user)))
