"""Patches of items as they come over HTTP: JSON merge patches (RFC 7396) of an item's JSON.

Laws (tests/service/api/test_items.py):
- null removes a field, what is not named stays; a name that is no field of an item is an attribute;
- a value of a wrong type is refused by the name of its field;
- what only an encoder can do is refused, with what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vlclip.engine.errors import ItemError
from vlclip.engine.filters import brief
from vlclip.engine.item import MAX_ATTRIBUTES, Attribute, Item
from vlclip.engine.validation import explain
from vlclip.ingestion.photos.source import is_url
from vlclip.ingestion.pipeline.patches import ItemPatch
from vlclip.service.http.errors import BadRequest
from vlclip.service.http.json_body import MAX_BATCH_VALUES, read_lines
from vlclip.service.http.json_text import read_json
from vlclip.service.http.requests import MAX_LISTED, ItemBody, Scalar, Values, shortened

MAX_BATCH = 1000
"""Items or patches of one request."""
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_FIELDS = frozenset(ItemBody.model_fields) - {"attributes", "image_base64"}
_NO_ATTRIBUTE_KEYS = _FIELDS | {"id", "attributes", "image_base64"}
_NO_ATTRIBUTES = frozenset({"provenance", "_lacks"})
_ATTRIBUTE: TypeAdapter[Any] = TypeAdapter(Scalar | Values | None)
_NOTHING = Item("nothing")
"""Its fields are what removed fields become."""


def read_patch(item_id: str, form: Any) -> ItemPatch:
    """A merge patch of the item `item_id`; an `ItemError` names the field that is wrong."""
    if not isinstance(form, dict):
        raise ItemError("a patch is a JSON object of fields and their new values")
    if form.get("id", item_id) != item_id:
        raise ItemError(f"id: an item cannot become another one; this is {item_id!r}")
    if form.get("image_base64") is not None:
        raise ItemError("image_base64: a photo's bytes need an encoder; PUT the item with them")
    named = {name: value for name, value in form.items() if name in _FIELDS}
    others = {name: value for name, value in form.items() if name not in _NO_ATTRIBUTE_KEYS}
    nested = form.get("attributes", {})
    if not isinstance(nested, dict | None):
        raise ItemError("attributes: write an object of names and values")
    twice = next((name for name in others if name in (nested or {})), None)
    if twice is not None:
        raise ItemError(f"{twice}: it is named twice, as itself and under attributes")
    if len(others) + len(nested or {}) > MAX_ATTRIBUTES:
        raise ItemError(f"attributes: an item has at most {MAX_ATTRIBUTES:,}, and this patch names more")
    attributes = _attributes({**others, **(nested or {})})
    note = shortened({**attributes, "description": named.get("description")})
    return ItemPatch(item_id, _fields(named), attributes, clears=nested is None, note=note)


def read_patches(body: bytes, media_type: str) -> list[Any]:
    """The patches of a batch, not read any further: a JSON list, or a line for each."""
    if media_type in NDJSON:
        return read_lines(body, MAX_BATCH_VALUES, MAX_BATCH)
    forms = read_json(body, MAX_BATCH_VALUES)
    if not isinstance(forms, list):
        raise BadRequest('send a list of patches, each with its id: [{"id": "sku-1", "price": 9.9}]')
    return forms


def _fields(named: Mapping[str, Any]) -> dict[str, Any]:
    """The named fields as `Item` holds them."""
    filled = {name: value for name, value in named.items() if value is not None}
    try:
        item = ItemBody.model_validate(filled).item(_NOTHING.id) if filled else _NOTHING
    except ValidationError as error:
        raise ItemError(explain(error.errors(), ItemBody)) from None
    if isinstance(item.image, str) and item.image and not is_url(item.image):
        raise ItemError("image: paths are not accepted here; give an http(s) URL, or PUT the photo's bytes")
    return {name: getattr(item if name in filled else _NOTHING, name) for name in named}


def _attributes(named: Mapping[str, Any]) -> dict[str, Attribute | None]:
    attributes: dict[str, Attribute | None] = {}
    for name, value in named.items():
        if name in _NO_ATTRIBUTES:
            raise ItemError(f"{name}: vlclip writes this itself; it cannot be patched")
        try:
            read = _ATTRIBUTE.validate_python(value)
        except ValidationError:
            raise ItemError(
                f"{brief(name)}: an attribute is a text, a number, a bool, or a list of up to {MAX_LISTED:,} "
                "of these"
            ) from None
        attributes[name] = tuple(read) if isinstance(read, list) else read
    return attributes
