"""Which items the store holds already, by the hash of their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vlclip.engine.store.store import Store
from vlclip.ingestion.errors import PhotoError
from vlclip.ingestion.photos.decoding import PhotoSource, is_url
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.stages.preparation import Preparation


@dataclass(frozen=True, slots=True)
class Digest:
    """The bytes of photos in files enter the content hash; a URL is not fetched for this."""

    source: PhotoSource

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its final hash."""
        return [self._digested(entry) for entry in batch]

    def _digested(self, entry: Entry) -> Entry:
        image = entry.image
        if not entry.pending or not isinstance(image, str) or is_url(image):
            return entry
        try:
            return replace(entry, content_hash=entry.pending_item.content_hash(self.source.read(image)))
        except PhotoError as error:
            return entry.failed("photo", str(error))


@dataclass(frozen=True, slots=True)
class Compare:
    """An entry is unchanged if the store holds its content, prepared and embedded in the same way."""

    store: Store
    fingerprint: str
    preparation: Preparation

    def __call__(self, batch: Batch) -> Batch:
        """The entries, with those that are unchanged marked; one request to the store."""
        pending = [entry.id for entry in batch if entry.pending]
        stored = self.store.retrieve(pending, fields=("provenance",)) if pending else {}
        return [
            replace(entry, outcome="unchanged", item=None)
            if entry.pending and entry.id in stored and self._is_current(stored[entry.id].payload, entry)
            else entry
            for entry in batch
        ]

    def _is_current(self, payload: Mapping[str, Any], entry: Entry) -> bool:
        provenance = payload.get("provenance") or {}
        return (
            provenance.get("content_hash") == entry.content_hash
            and provenance.get("fingerprint") == self.fingerprint
            and self.preparation.matches(provenance)
        )
