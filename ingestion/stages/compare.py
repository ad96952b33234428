"""Which items the store holds already, by the hash of their content.

Laws (tests/ingestion/stages/test_compare.py):
- where photos at addresses are checked, an item is unchanged only while its server names the same version;
- a server that names none, or that does not answer, changes nothing, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

from vlclip.engine.errors import PhotoError
from vlclip.engine.store.store import Record, Store
from vlclip.ingestion.photos.source import PhotoSource, is_url
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.stages.missing_photo import PROBLEM, STRICT, MissingPhoto, next_photo
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.ingestion.stages.update import vector_hash

PHOTO_VERSION = "photo_version"
"""The key of a point's provenance with what the server said of its photo's version."""
UNVERSIONED = "the server of the photo names neither ETag nor time, so it cannot be checked"
SILENT = "the server of the photo did not answer as it was checked; the photo stays"


@dataclass(frozen=True, slots=True)
class Digest:
    """The bytes of photos in files enter the content hash; a URL is not fetched for this.

    Of several photos it is the first that can be read. Where none can, the hash is that of their names.
    """

    source: PhotoSource

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its final hash."""
        return [self._digested(entry) for entry in batch]

    def _digested(self, entry: Entry) -> Entry:
        problem = ""
        current: Entry | None = entry
        while current is not None and current.pending and isinstance(image := current.image, str):
            if is_url(image):
                return current if current is entry else _hashed(current)
            try:
                return _hashed(current, self.source.read(image))
            except PhotoError as error:
                problem = problem or str(error)
            current = next_photo(current)
        return replace(entry, photo_problem=problem) if problem else entry


def _hashed(entry: Entry, photo: bytes | None = None) -> Entry:
    return replace(entry, content_hash=entry.pending_item.content_hash(photo))


@dataclass(frozen=True, slots=True)
class PhotoCheck:
    """Asks the servers of unchanged items whether their photos are still those that were embedded.

    `version` gives the version at an address, from an earlier one; `asking` are the threads for it.
    """

    version: Callable[[str, str], str]
    asking: Executor

    def __call__(self, batch: Batch, compared: Batch, stored: Mapping[str, Record]) -> Batch:
        """The compared entries; those whose photo is another one are pending, as they were in the batch."""
        waiting: dict[int, Future[tuple[bool, str]]] = {}
        for place, entry in enumerate(compared):
            payload = stored[entry.id].payload if entry.id in stored else {}
            image = payload.get("image")
            if entry.outcome == "unchanged" and entry.has_photo and isinstance(image, str) and is_url(image):
                earlier = str((payload.get("provenance") or {}).get(PHOTO_VERSION, ""))
                waiting[place] = self.asking.submit(self._is_same, image, earlier)
        checked = list(compared)
        for place, answer in waiting.items():
            is_same, note = answer.result()
            if not is_same:
                checked[place] = batch[place]
            elif note:
                checked[place] = replace(compared[place], warnings=(*compared[place].warnings, note))
        return checked

    def _is_same(self, image: str, earlier: str) -> tuple[bool, str]:
        try:
            version = self.version(image, earlier)
        except PhotoError:
            return True, SILENT
        return (version == earlier, "") if version else (True, UNVERSIONED)


@dataclass(frozen=True, slots=True)
class Compare:
    """An entry is unchanged if the store holds its content, prepared and embedded in the same way."""

    store: Store
    fingerprint: str
    preparation: Preparation
    missing: MissingPhoto = STRICT
    check: PhotoCheck | None = None

    def __call__(self, batch: Batch) -> Batch:
        """The entries, with those that are unchanged marked; one request to the store."""
        pending = [entry.id for entry in batch if entry.pending]
        fields = ("provenance", "image") if self.check else ("provenance",)
        stored = self.store.retrieve(pending, fields=fields) if pending else {}
        compared = [
            self._compared(entry, stored[entry.id]) if entry.pending and entry.id in stored else entry
            for entry in batch
        ]
        if self.check is not None:
            compared = self.check(batch, compared, stored)
        photographed = self._with_photo(
            [entry for entry in compared if entry.pending and entry.id in stored], stored
        )
        compared = [
            replace(entry, is_stored_with_photo=True) if entry.id in photographed and entry.pending else entry
            for entry in compared
        ]
        return [
            self.missing.settle(entry, entry.photo_problem)
            if entry.pending and entry.photo_problem
            else entry
            for entry in compared
        ]

    def _compared(self, entry: Entry, stored: Record) -> Entry:
        provenance = stored.payload.get("provenance") or {}
        if self._is_current(provenance, entry.content_hash):
            problem = provenance.get(PROBLEM, "")
            has_photo = bool(entry.image) and not problem
            return replace(entry, outcome="unchanged", item=None, photo_problem=problem, has_photo=has_photo)
        is_alike = PROBLEM not in provenance and self._is_made_so(provenance)
        return replace(entry, stored_hash=vector_hash(provenance)) if is_alike else entry

    def _with_photo(self, entries: Batch, stored: Mapping[str, Record]) -> set[str]:
        """The ids of changed items that the store holds with a photo in their vectors."""
        provenances = {
            entry.id: stored[entry.id].payload.get("provenance") or {} for entry in entries if entry.image
        }
        with_hash = {item_id for item_id, provenance in provenances.items() if provenance.get("photo_hash")}
        unclear = [  # a photo that shows nothing has no hash
            item_id
            for item_id, provenance in provenances.items()
            if item_id not in with_hash and not provenance.get(PROBLEM)
        ]
        records = self.store.retrieve(unclear, fields=("id",), with_vector=True) if unclear else {}
        span = self.store.info.space.slices()["image"]
        blank = {
            item_id
            for item_id, record in records.items()
            if record.vector is not None and record.vector[span].any()
        }
        return with_hash | blank

    def unchanged(self, hashes: Mapping[str, str]) -> list[str]:
        """Those ids of a content hash by id that the store holds with just that content."""
        stored = self.store.retrieve(list(hashes), fields=("provenance",)) if hashes else {}
        provenances = {name: record.payload.get("provenance") or {} for name, record in stored.items()}
        return [name for name in provenances if self._is_current(provenances[name], hashes[name])]

    def _is_current(self, provenance: Mapping[str, Any], content_hash: str) -> bool:
        return provenance.get("content_hash") == content_hash and self._is_made_so(provenance)

    def _is_made_so(self, provenance: Mapping[str, Any]) -> bool:
        return (
            provenance.get("fingerprint") == self.fingerprint
            and self.preparation.matches(provenance)
            and self.missing.is_current(provenance)
        )
