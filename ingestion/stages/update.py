"""Items of which nothing changed that a vector is made from: their fields are written, nothing is encoded.

Prices and stock change every day, photos and words hardly ever. Such an item is known by its hash: with the
values that the fields in `APART` had when its vector was made, it has the content hash of its point. These
are the stored values, so this holds for stores of any age; a patch of nothing else keeps those it replaces.

Laws (tests/ingestion/stages/test_update.py):
- whatever changed in a catalogue, the store then holds the points of a fresh ingest, but for `embedded_at`;
- an item is encoded again exactly where something changed that is not `APART`, by the catalogue or a patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vlclip.engine.errors import ItemError, PhotoError
from vlclip.engine.item import Item, ReferredPhoto
from vlclip.engine.store.store import Record, Revision, Store
from vlclip.ingestion.photos.source import PhotoSource, is_url
from vlclip.ingestion.reading.entry import Batch, Entry

APART = ("price", "price_to", "currency", "popularity", "available", "updated_at", "group", "group_title")
"""Fields of an item that reach its payload alone."""
PATCHED = "patched"
"""The part of a provenance with what a patch replaced: the content hash, and values of fields in `APART`."""


def vector_hash(provenance: Mapping[str, Any]) -> str:
    """The hash of the content that a vector was made from; "" where something else was patched since."""
    return str(provenance.get("content_hash") or provenance.get(PATCHED, {}).get("content_hash", ""))


def before_patch(provenance: Mapping[str, Any], before: Item, after: Item) -> dict[str, Any]:
    """What to keep of an item's content with its patched point: nothing where more than `APART` changed."""
    content_hash = vector_hash(provenance)
    was = {name: value for name in APART if (value := getattr(before, name)) != getattr(after, name)}
    if not content_hash or replace(after, **was) != before:
        return {}
    earlier = provenance.get(PATCHED, {})
    return {PATCHED: {**was, **earlier, "content_hash": content_hash}}


@dataclass(frozen=True, slots=True)
class Update:
    """Marks as updated what the store holds with the same photo and words; `save_fields` writes it."""

    store: Store
    source: PhotoSource

    def __call__(self, batch: Batch) -> Batch:
        """The entries; one request to the store where some may be."""
        possible = [entry.id for entry in batch if _may_be(entry)]
        stored = self.store.retrieve(possible, fields=(*APART, "provenance")) if possible else {}
        return [
            replace(entry, outcome="updated", has_photo=bool(entry.image))
            if _may_be(entry) and entry.id in stored and self._is_same(entry, stored[entry.id])
            else entry
            for entry in batch
        ]

    def _is_same(self, entry: Entry, stored: Record) -> bool:
        """Whether the vector was made from this item's photo and words."""
        item, nothing = entry.pending_item, Item(entry.id)
        values = {**stored.payload, **(stored.payload.get("provenance") or {}).get(PATCHED, {})}
        try:
            former = replace(item, **{name: values.get(name, getattr(nothing, name)) for name in APART})
            is_file = isinstance(item.image, str) and not is_url(item.image)
            photo = self.source.read(entry.image) if is_file else None
        except (ItemError, PhotoError):
            return False
        return former.content_hash(photo) == entry.stored_hash


def save_fields(entries: Batch, store: Store) -> set[str]:
    """Write the fields of updated items; the ids of those that are still there."""
    by_id = {entry.id: entry for entry in entries}
    written: set[str] = set()

    def revision(record: Record) -> Revision:
        written.add(record.id)
        return _revision(by_id[record.id], record.payload)

    if entries:
        store.revise(list(by_id), revision)
    return written


def _may_be(entry: Entry) -> bool:
    return entry.pending and bool(entry.stored_hash) and not entry.photo_problem


def _revision(entry: Entry, stored: Mapping[str, Any]) -> Revision:
    if entry.item is None:
        raise AssertionError("an updated entry has an item")
    before = stored.get("provenance") or {}
    provenance = {name: value for name, value in before.items() if name not in ("content_hash", PATCHED)}
    if vector_hash(before) == entry.stored_hash:  # else it was written meanwhile: the next run encodes it
        provenance["content_hash"] = entry.content_hash
    payload = {**_payload(entry.item, stored), "provenance": provenance}
    fields = {name: value for name, value in payload.items() if name not in stored or stored[name] != value}
    removed = [name for name in stored if name not in payload]
    has_same_words = {*fields, *removed} <= {*APART, "image", "provenance"}
    return Revision(fields, removed, None if has_same_words else entry.item.lexical_texts)


def _payload(item: Item, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of an updated item; a photo at an address stays the one that could be read."""
    image = item.image
    if isinstance(image, bytes):
        image = image.reference if isinstance(image, ReferredPhoto) else None
    elif image and is_url(image):
        image = stored.get("image", image)
    return replace(item, image=image).payload()
