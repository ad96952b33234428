"""The routes that a feed of a catalogue needs: what is stored as it is, which ids there are, removing many.

Law (tests/service/commands/test_feed.py): an item is unchanged only if it was written with just that content,
with the encoder, grounder and refiner of now, and was not patched since.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query
from starlette.concurrency import run_in_threadpool

from vlclip.ingestion.stages.compare import Compare
from vlclip.ingestion.stages.missing_photo import MissingPhoto
from vlclip.service.http.answers import DeletedShape, IdsShape, UnchangedShape
from vlclip.service.http.requests import HashesBody, IdsBody
from vlclip.service.shop.shop import Shop

Limit = Annotated[int, Query(ge=1, le=5000, description="Ids of a page.")]
After = Annotated[UUID | None, Query(description="`next` of the page before.")]


def add_feeding_routes(app: FastAPI, shop: Shop) -> None:
    """For `vlclip ingest --url`."""
    missing = MissingPhoto(words=shop.settings.ingest.missing_photo == "words")
    compare = Compare(shop.store, shop.store.info.fingerprint, shop.preparation, missing)

    @app.post("/v1/items:compare", response_model=UnchangedShape, tags=["items"])
    async def compare_items(body: HashesBody) -> UnchangedShape:
        """Which items are stored with just that content and need not be sent."""
        return UnchangedShape(unchanged=await run_in_threadpool(compare.unchanged, body.hashes))

    @app.post("/v1/items:delete", response_model=DeletedShape, tags=["items"])
    async def delete_items(body: IdsBody) -> DeletedShape:
        """Remove items; ids that are not there are no error."""
        return DeletedShape(deleted=await run_in_threadpool(shop.delete, body.ids))

    @app.get("/v1/items", response_model=IdsShape, tags=["items"])
    async def list_ids(after: After = None, limit: Limit = 1000) -> IdsShape:
        """The ids of all items, in pages."""
        ids, following = await run_in_threadpool(shop.store.ids, str(after) if after else None, limit)
        return IdsShape(ids=ids, next=following)
