"""The routes of items: read, write, patch and remove one or many.

Laws (tests/service/api/test_items.py):
- a write answers once what it wrote can be found;
- a patch loses nothing that it does not name, and says which segments of the vector wait for an encoding;
- a `PUT` that would drop what the stored item has is refused by the names of it, unless it says `replace`.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from vlclip.engine.errors import ItemError, PhotosBusy
from vlclip.engine.item import MAX_ID_CHARS
from vlclip.ingestion.pipeline.patches import ItemPatch
from vlclip.ranking.errors import UnknownItem
from vlclip.service.http.answers import BatchShape, ItemShape, PatchBatchShape, PatchedShape, WrittenShape
from vlclip.service.http.errors import RefusedItem, TooLarge, WouldDrop
from vlclip.service.http.json_body import (
    MAX_BATCH_VALUES,
    checked,
    describe_body,
    off_the_loop,
    read_raw,
    read_request,
)
from vlclip.service.http.json_text import read_json
from vlclip.service.http.patches import MAX_BATCH, NDJSON, read_patch, read_patches
from vlclip.service.http.requests import BatchItem, ItemBody
from vlclip.service.shop.shop import Shop
from vlclip.service.shop.workers import Pools

Replace = Annotated[bool, Query(description="Drop what the stored item has and this one lacks.")]
_PATCH = {
    "type": "object",
    "description": "A JSON merge patch (RFC 7396): null removes, what is not named stays.",
    "examples": [{"price": 59.9, "available": True, "colour": None}],
}
_ONE_PATCH = {"requestBody": {"required": True, "content": {
    name: {"schema": _PATCH} for name in ("application/json", "application/merge-patch+json")
}}}  # fmt: skip
_MANY_PATCHES = {"requestBody": {"required": True, "content": {
    "application/json": {"schema": {
        "type": "array", "maxItems": MAX_BATCH,
        "items": _PATCH | {
            "properties": {"id": {"type": "string"}}, "required": ["id"],
            "examples": [{"id": "sku-1042", "price": 59.9}],
        },
    }},
    NDJSON[0]: {"schema": {"type": "string", "description": "One patch a line."}},
}}}  # fmt: skip


def add_item_routes(app: FastAPI, shop: Shop, pools: Pools) -> None:
    """Items one by one, and in batches."""
    _add_batches(app, shop, pools)

    @app.put(
        "/v1/items/{item_id:path}",
        response_model=WrittenShape,
        tags=["items"],
        openapi_extra=describe_body(ItemBody),
    )
    async def put_item(request: Request, item_id: str, replace: Replace = False) -> WrittenShape:  # noqa: FBT002
        """Add or replace one item; it answers once the item can be found."""
        pools.writes.admit()  # before a photo is read
        body = await read_request(request, ItemBody)
        write = partial(shop.put, [(item_id, body)], replace=replace)
        (outcome,) = await pools.writes.run(request, write)
        if outcome.drops:
            raise WouldDrop(outcome.reason, outcome.drops)
        if outcome.passing:
            raise PhotosBusy(outcome.reason)
        if outcome.status == "failed":
            raise RefusedItem(outcome.reason)
        return outcome

    @app.patch(
        "/v1/items/{item_id:path}",
        response_model=PatchedShape,
        tags=["items"],
        openapi_extra=_ONE_PATCH,
    )
    async def patch_item(item_id: str, request: Request) -> PatchedShape:
        """Change fields of one item, encode nothing, lose nothing; lists show it at once."""
        raw = await request.body()
        patch = await off_the_loop(len(raw), lambda: read_patch(item_id, read_json(raw)))
        (outcome,) = await pools.changes.run(request, partial(shop.patch, [patch]))
        if outcome.status == "unknown":
            raise UnknownItem(outcome.reason)
        if outcome.status == "failed":
            raise ItemError(outcome.reason)
        return PatchedShape(
            id=item_id, status=outcome.status, reason=outcome.reason, stale=list(outcome.stale)
        )

    @app.get("/v1/items/{item_id:path}", response_model=ItemShape, tags=["items"])
    async def get_item(item_id: str) -> ItemShape:
        """One stored item with what made its vector."""
        record = (await run_in_threadpool(shop.store.retrieve, [item_id])).get(item_id)
        if record is None:
            raise UnknownItem(f"no item {item_id!r} in the store")
        payload = dict(record.payload)
        provenance = payload.pop("provenance", {})
        return ItemShape(id=item_id, item=payload, provenance=provenance)

    @app.delete("/v1/items/{item_id:path}", status_code=204, tags=["items"])
    async def delete_item(request: Request, item_id: str) -> Response:
        """Remove one item."""
        if not await pools.changes.run(request, partial(shop.delete, [item_id])):
            raise UnknownItem(f"no item {item_id!r} in the store")
        return Response(status_code=204)


def _add_batches(app: FastAPI, shop: Shop, pools: Pools) -> None:
    @app.post(
        "/v1/items:batch",
        response_model=BatchShape,
        tags=["items"],
        openapi_extra=describe_body(list[BatchItem]),
    )
    async def put_batch(request: Request, replace: Replace = False) -> BatchShape:  # noqa: FBT002
        """Add or replace up to 1,000 items; one that fails does not stop the others."""
        pools.writes.admit()  # before photos are read
        raw = await read_raw(request)
        items = await off_the_loop(len(raw), partial(_read_items, raw))
        write = partial(shop.put, [(body.id, body) for body in items], replace=replace)
        outcomes = await pools.writes.run(request, write)
        counts = Counter(outcome.status for outcome in outcomes)
        return BatchShape(
            results=outcomes,
            embedded=counts["embedded"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
        )

    @app.patch("/v1/items", response_model=PatchBatchShape, tags=["items"], openapi_extra=_MANY_PATCHES)
    async def patch_batch(request: Request) -> Response:
        """Change fields of up to 1,000 items, each with its own outcome; encodes nothing."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        raw = await request.body()
        forms = await off_the_loop(len(raw), partial(read_patches, raw, media_type))
        _check_size(len(forms))
        patched = await pools.changes.run(request, partial(_patched, shop, forms))
        return Response(patched, media_type="application/json")


def _patched(shop: Shop, forms: list[Any]) -> bytes:
    """The answer to a batch; a model for each of a thousand results would cost more than the writing."""
    results: list[dict[str, Any]] = [{} for _ in forms]
    patches: list[ItemPatch] = []
    places: list[int] = []
    for place, form in enumerate(forms):
        item_id = form.get("id") if isinstance(form, dict) else None
        try:
            if not isinstance(item_id, str) or not 0 < len(item_id) <= MAX_ID_CHARS:
                raise ItemError("each patch of a batch is an object with the id of its item, a text")
            patches.append(read_patch(item_id, form))
            places.append(place)
        except ItemError as error:
            name = item_id if isinstance(item_id, str) else ""
            results[place] = {"id": name, "status": "failed", "reason": str(error), "stale": []}
    for place, outcome in zip(places, shop.patch(patches), strict=True):
        results[place] = {
            "id": outcome.id, "status": outcome.status, "reason": outcome.reason, "stale": outcome.stale,
        }  # fmt: skip
    counts = Counter(result["status"] for result in results)
    names = ("patched", "unchanged", "unknown", "failed")
    return orjson.dumps({"results": results, **{name: counts[name] for name in names}})


def _read_items(raw: bytes) -> list[BatchItem]:
    forms = read_json(raw, MAX_BATCH_VALUES)
    _check_size(len(forms) if isinstance(forms, list) else 1)
    return checked(list[BatchItem], forms)


def _check_size(count: int) -> None:
    if count > MAX_BATCH:
        raise TooLarge(f"{count:,} items in one batch; send at most {MAX_BATCH:,}")
