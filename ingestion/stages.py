"""What happens to a batch on its way into the store: plain callables, batch in, batch out.

    Claim → Digest → Compare → Prepare → Embed → Save

Laws (tests/ingestion/test_stages.py):
- a stage answers with as many entries as it was given, in their order;
- it leaves entries that have failed or are finished as they are;
- an item that cannot be handled gets a `Failure`; what stops a batch is a fault of the machine
  (disk, model, store), never of an item.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from engine.embedder import Embedder
from engine.errors import FingerprintMismatch
from engine.item import Item
from engine.space import Floats
from engine.store.store import Point, Store, StoreInfo
from ingestion.entry import Batch, Entry
from ingestion.errors import PhotoError
from ingestion.ledger import Ledger, judge
from ingestion.photos import PhotoSource, decode, is_url


class Stage(Protocol):
    """A step of the way."""

    def __call__(self, batch: Batch) -> Batch:
        """The same entries, further along."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """The first row of an id stands for the item; an equal one is a duplicate, another one fails."""

    ledger: Ledger
    run: int

    def __call__(self, batch: Batch) -> Batch:
        """Every entry with an id is claimed, failed ones too: their item is still in the catalogue."""
        asked = [entry for entry in batch if entry.id]
        claims = iter(self.ledger.claim(self.run, [(entry.id, _told_by(entry)) for entry in asked]))
        return [_claimed(entry, next(claims)) if entry.id else entry for entry in batch]


@dataclass(frozen=True, slots=True)
class Digest:
    """The bytes of photos in files enter the content hash; a URL is not fetched for this."""

    source: PhotoSource

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its final hash."""
        return [self._one(entry) for entry in batch]

    def _one(self, entry: Entry) -> Entry:
        image = _image(entry)
        if not entry.pending or not isinstance(image, str) or is_url(image):
            return entry
        try:
            return replace(entry, content_hash=_item(entry).content_hash(self.source.read(image)))
        except PhotoError as error:
            return entry.failed("photo", str(error))


@dataclass(frozen=True, slots=True)
class Compare:
    """Entries whose content the store holds already, embedded by the same encoder, are unchanged."""

    store: Store
    fingerprint: str

    def __call__(self, batch: Batch) -> Batch:
        """One look-up for the batch."""
        pending = [entry.id for entry in batch if entry.pending]
        stored = self.store.retrieve(pending, fields=("provenance",)) if pending else {}
        known = {item_id: _made_from(record.payload) for item_id, record in stored.items()}
        return [
            replace(entry, outcome="unchanged", item=None)
            if entry.pending and known.get(entry.id) == (entry.content_hash, self.fingerprint)
            else entry
            for entry in batch
        ]


@dataclass(slots=True)
class LazyEmbedder:
    """The embedder, loaded when the first item needs it and not before."""

    info: StoreInfo
    load: Callable[[], Embedder]
    _loaded: Embedder | None = None
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Embedder:
        """The loaded embedder; `FingerprintMismatch` if it is not the one that was announced."""
        with self._loading:
            if self._loaded is None:
                embedder = self.load()
                if embedder.info.fingerprint != self.info.fingerprint:
                    raise FingerprintMismatch(
                        f"the loaded encoder is {embedder.info.fingerprint}, this run is for "
                        f"{self.info.fingerprint}; did its files change? Start the run again"
                    )
                self._loaded = embedder
            return self._loaded


@dataclass(frozen=True, slots=True)
class Prepare:
    """Photos fetched, decoded and made ready for the encoder.

    URLs are fetched side by side in `fetching`; `decoding` bounds how many decoded photos there are
    at once.
    """

    source: PhotoSource
    embedder: LazyEmbedder
    max_pixels: int
    fetching: Executor
    decoding: threading.Semaphore

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry that has a photo, with the photo prepared."""
        remote = [i for i, entry in enumerate(batch) if entry.pending and is_url(_image(entry))]
        arrived = dict(zip(remote, self.fetching.map(self._one, [batch[i] for i in remote]), strict=True))
        return [arrived.get(i) or self._one(entry) for i, entry in enumerate(batch)]

    def _one(self, entry: Entry) -> Entry:
        image = _image(entry)
        if not entry.pending or not image:
            return entry
        try:
            data = self.source.read(image)
            with self.decoding:
                photo = self.embedder.get().prepare(decode(data, max_pixels=self.max_pixels))
        except PhotoError as error:
            return entry.failed("photo", str(error))
        if isinstance(image, bytes) and entry.item:  # its hash is taken; let go of the bytes
            entry = replace(entry, item=replace(entry.item, image=None))
        return replace(entry, photo=photo)


@dataclass(frozen=True, slots=True)
class Embed:
    """Prepared photos and texts to fused vectors."""

    embedder: LazyEmbedder

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its vector; the model is asked once."""
        checked = [_embeddable(entry) for entry in batch]
        pending = [entry for entry in checked if entry.pending]
        if not pending:
            return checked
        texts = [_item(entry).text for entry in pending]
        vectors = self.embedder.get().embed_items([entry.photo for entry in pending], texts)
        rows = iter(vectors)
        return [_embedded(entry, next(rows)) if entry.pending else entry for entry in checked]


@dataclass(frozen=True, slots=True)
class Save:
    """Vectors into the store, failures into the dead letters."""

    store: Store
    ledger: Ledger
    run: int
    fingerprint: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, batch: Batch) -> Batch:
        """Points first, then the ledger: a crash between them costs a stale dead letter at most."""
        self.store.upsert([self._point(entry) for entry in batch if entry.pending])
        done = [
            replace(entry, outcome="embedded", vector=None) if entry.pending else entry for entry in batch
        ]
        self.ledger.bury(self.run, done)
        self.ledger.resolve(entry for entry in done if entry.outcome in ("embedded", "unchanged"))
        return done

    def _point(self, entry: Entry) -> Point:
        item = _item(entry)
        if entry.vector is None:
            raise AssertionError("Save comes after Embed")
        provenance = {
            "fingerprint": self.fingerprint,
            "content_hash": entry.content_hash,
            "text": item.text,
            "embedded_at": self.now().isoformat(timespec="seconds"),
        }
        payload = {**item.payload(), "provenance": provenance}
        return Point(entry.id, entry.vector, item.lexical_text, payload)


def claim_once(batch: Batch) -> Batch:
    """`Claim` for items that come together, not in a run: the rule holds among them alone."""
    claims = judge({}, [(entry.id, _told_by(entry)) for entry in batch])
    return [_claimed(entry, claim) for entry, claim in zip(batch, claims, strict=True)]


def _claimed(entry: Entry, claim: str) -> Entry:
    if claim == "repeated":
        return replace(entry, outcome="duplicate", failure=None, item=None)
    if claim == "conflicting":
        reason = f"duplicate id: an earlier row has the id {entry.id!r} and says something else"
        return entry.failed("read", reason, of_row=True)
    return entry


def _told_by(entry: Entry) -> str:
    """What tells two rows of one id apart."""
    return entry.content_hash or f"failed: {entry.failure and entry.failure.reason}"


def _made_from(payload: Mapping[str, Any]) -> tuple[Any, Any]:
    provenance = payload.get("provenance") or {}
    return provenance.get("content_hash"), provenance.get("fingerprint")


def _embeddable(entry: Entry) -> Entry:
    if entry.pending and entry.photo is None and not _item(entry).text and not _item(entry).lexical_text:
        return entry.failed("embed", "the item has neither a photo nor any text; give it one of them")
    return entry


def _embedded(entry: Entry, vector: Floats) -> Entry:
    if not np.isfinite(vector).all():
        return entry.failed("embed", "the encoder gave NaN for this photo and text; look at both")
    return replace(entry, vector=vector, photo=None)


def _image(entry: Entry) -> bytes | str:
    return (entry.item.image if entry.item else None) or b""


def _item(entry: Entry) -> Item:
    if entry.item is None:
        raise AssertionError("a pending entry has an item")
    return entry.item
