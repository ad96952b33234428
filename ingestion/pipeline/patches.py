"""Fields of stored items changed without encoding anything: prices, stock, words to match.

Payload and BM25 words follow at once. A vector is made by encoding. So where a patch changes what a segment
was made from, the point's provenance names that segment as `stale`, until the item is encoded again: by an
ingest, a `PUT`, or `vlclip refresh`.

Laws (tests/ingestion/pipeline/test_patches.py):
- a patched item is the item with these fields, and everything else of its point stays as it was;
- after an ingest the store holds what the catalogue says, whatever was patched before: a patched point has no
  content hash, so it never counts as unchanged. Its former one is kept aside where nothing was patched that
  is encoded, so that the ingest does not encode it either;
- patches of one item, one after the other or at once, all count; where two name one field, one of them does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from vlclip.engine.errors import ItemError
from vlclip.engine.item import Attribute, Item
from vlclip.engine.refinement.fields import FieldRefiner
from vlclip.engine.store.store import Record, Revision, Store
from vlclip.ingestion.reading.attribute_columns import attribute_name
from vlclip.ingestion.stages.save import TOO_MANY
from vlclip.ingestion.stages.update import PATCHED, before_patch

STALE = "stale"
"""The field of a point's provenance that names segments whose vector is older than their content."""
_OF_CONTENT = ("content_hash", PATCHED, STALE)
"""What a provenance says of the content that a patch changes."""
_REFINED_FROM = ("title", "description", "product_type", "brand", "attributes")
"""What the embedded text can be made from."""


@dataclass(frozen=True, slots=True)
class ItemPatch:
    """A change of one item: `fields` of `Item` with their new values, its defaults where they are removed.

    `attributes` are changed one by one, None removes; `clears` removes all that are not named. A name that
    the item does not have yet is written as an ingest would write it. `note` says what was left out of it.
    """

    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Attribute | None] = field(default_factory=dict)
    clears: bool = False
    note: str = ""

    def applied(self, item: Item) -> Item:
        """The item with this change; an `ItemError` where that breaks a rule of items."""
        attributes = {} if self.clears else dict(item.attributes)
        for name, value in self.attributes.items():
            stored_name = name if name in item.attributes else attribute_name(name)
            if value is None:
                attributes.pop(stored_name, None)
            else:
                attributes[stored_name] = value
        return replace(item, **self.fields, attributes=attributes)


@dataclass(frozen=True, slots=True)
class PatchResult:
    """What became of one patch: `stale` are the segments that wait for an encoding, of this patch or earlier.

    `reason` says why it failed, or what was left out of it; else it is "".
    """

    id: str
    status: Literal["patched", "unchanged", "unknown", "failed"]
    reason: str = ""
    stale: tuple[str, ...] = ()


def patch_items(patches: Sequence[ItemPatch], store: Store) -> list[PatchResult]:
    """Change stored items; one result each, in order.

    When this returns, the changes survive a killed process; a power cut only after the store's `flush`.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place, patch in enumerate(patches):
        places[patch.id].append(place)
    results = [_unknown(patch.id) for patch in patches]

    after: dict[str, Item] = {}

    def revision(record: Record) -> Revision | None:
        stale: tuple[str, ...] = ()
        try:
            before = item = Item.from_payload(record.payload)
        except (ItemError, TypeError) as error:
            for place in places[record.id]:
                results[place] = PatchResult(record.id, "failed", f"the stored item cannot be read: {error}")
            return None
        for place in places[record.id]:
            try:
                changed = patches[place].applied(item)
            except ItemError as error:
                results[place] = PatchResult(record.id, "failed", str(error))
                continue
            stale = _stale(before, changed, record.payload, store.info.language)
            status: Literal["patched", "unchanged"] = "unchanged" if changed == item else "patched"
            results[place], item = PatchResult(record.id, status, patches[place].note, stale), changed
        after[record.id] = item
        return None if item == before else _revision(before, item, record.payload, stale)

    store.revise(list(places), revision)
    crowded = {item_id for item_id, item in after.items() if store.left_out(item.payload())}
    return [
        replace(result, reason=f"{result.reason}; {TOO_MANY}" if result.reason else TOO_MANY)
        if result.status == "patched" and result.id in crowded
        else result
        for result in results
    ]


def _revision(before: Item, after: Item, stored: Mapping[str, Any], stale: Sequence[str]) -> Revision:
    old, new = before.payload(), after.payload()
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    former = stored.get("provenance") or {}
    provenance = {name: value for name, value in former.items() if name not in _OF_CONTENT}
    provenance |= before_patch(former, before, after)
    if stale:
        provenance[STALE] = list(stale)
    if provenance != stored.get("provenance"):
        changed["provenance"] = provenance
    words = after.lexical_texts
    return Revision(
        fields=changed,
        removed=[name for name in old if name not in new],
        lexical=None if words == before.lexical_texts else words,
    )


def _stale(before: Item, after: Item, stored: Mapping[str, Any], language: str) -> tuple[str, ...]:
    """The segments whose vector does not show the item `after` the change."""
    provenance = stored.get("provenance") or {}
    is_stale = dict.fromkeys(provenance.get(STALE) or (), True)
    if after.image != before.image:
        is_stale["image"] = True
    if any(getattr(before, name) != getattr(after, name) for name in _REFINED_FROM):
        text = _embedded_text(after, provenance, language)
        is_stale["text"] = text is None or text != provenance.get("text")
    return tuple(name for name in ("image", "text") if is_stale.get(name))


def _embedded_text(item: Item, provenance: Mapping[str, Any], language: str) -> str | None:
    """The text that an ingest would embed now; None where fields alone do not decide it."""
    if not (version := provenance.get("refiner")):
        return item.text
    refiner = _field_refiner(language)
    is_of_fields = provenance.get("text_by") == "fields" and version == refiner.version
    return refiner.text_of(item).text if is_of_fields else None


@lru_cache(maxsize=8)
def _field_refiner(language: str) -> FieldRefiner:
    return FieldRefiner(language)


def _unknown(item_id: str) -> PatchResult:
    return PatchResult(item_id, "unknown", f"no item {item_id!r} in the store; PUT it first")
