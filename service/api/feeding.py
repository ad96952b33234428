"""The routes that a feed of a catalogue needs: what is stored as it is, which ids there are, removing many.

Law (tests/service/commands/test_feed.py): an item is unchanged only if it was written with just that content,
with the encoder, grounder and refiner of now, and was not patched since.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool

from vlclip.ingestion.stages.compare import Compare
from vlclip.ingestion.stages.missing_photo import MissingPhoto
from vlclip.service.http.answers import DeletedShape, IdsShape, UnchangedShape
from vlclip.service.http.json_body import describe_body, read_request
from vlclip.service.http.requests import HashesBody, IdsBody
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.workers import Pools

Limit = Annotated[int, Query(ge=1, le=5000, description="Ids of a page.")]
After = Annotated[UUID | None, Query(description="`next` of the page before.")]


def add_feeding_routes(app: FastAPI, shop: Shop, pools: Pools) -> None:
    """For `vlclip ingest --url`."""
    missing = MissingPhoto(words=shop.settings.ingest.missing_photo == "words")
    compare = Compare(shop.store, shop.store.info.fingerprint, shop.preparation, missing)

    post = partial(app.post, tags=["items"])

    @post("/v1/items:compare", response_model=UnchangedShape, openapi_extra=describe_body(HashesBody))
    async def compare_items(request: Request) -> UnchangedShape:
        """Which items are stored with just that content and need not be sent."""
        body = await read_request(request, HashesBody)
        return UnchangedShape(
            unchanged=await pools.changes.run(request, partial(compare.unchanged, body.hashes))
        )

    @post("/v1/items:delete", response_model=DeletedShape, openapi_extra=describe_body(IdsBody))
    async def delete_items(request: Request) -> DeletedShape:
        """Remove items; ids that are not there are no error."""
        body = await read_request(request, IdsBody)
        return DeletedShape(deleted=await pools.changes.run(request, partial(shop.delete, body.ids)))

    @app.get("/v1/items", response_model=IdsShape, tags=["items"])
    async def list_ids(after: After = None, limit: Limit = 1000) -> IdsShape:
        """The ids of all items, in pages."""
        ids, following = await run_in_threadpool(shop.store.ids, str(after) if after else None, limit)
        return IdsShape(ids=ids, next=following)
