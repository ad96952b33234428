"""What happens to a batch on its way into the store: plain callables, batch in, batch out.

    Claim → Digest → Compare → Prepare → Refine → Embed → Save

Laws (tests/ingestion/pipeline/test_stages.py):
- a stage answers with as many entries as it was given, in their order;
- it leaves entries that have failed or are finished as they are;
- an item that cannot be handled gets a `Failure`; what stops a batch is a fault of the machine
  (disk, model, store), never of an item.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from PIL import Image

from vlclip.engine.duplicates import photo_hash
from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.errors import FingerprintMismatch
from vlclip.engine.grounding.rule import choose, cut
from vlclip.engine.item import Item
from vlclip.engine.refinement.agreement import settle
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.space import Floats
from vlclip.engine.store.store import Point, Store, StoreInfo
from vlclip.ingestion.errors import PhotoError
from vlclip.ingestion.photos.decoding import PhotoSource, decode, is_url
from vlclip.ingestion.pipeline.ledger import Ledger, judge
from vlclip.ingestion.pipeline.preparation import Preparation
from vlclip.ingestion.reading.entry import Batch, Entry, Found

TOGETHER = 16
"""Decoded photos a grounder is shown at once: enough for its batches, little enough for memory."""
AHEAD = 32
"""Fetched photos that wait to be decoded: at `fetch.max_bytes` each, what a batch of URLs may hold."""


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
    """Entries whose content the store holds already, made into a vector in the same way, are unchanged."""

    store: Store
    fingerprint: str
    preparation: Preparation

    def __call__(self, batch: Batch) -> Batch:
        """One look-up for the batch."""
        pending = [entry.id for entry in batch if entry.pending]
        stored = self.store.retrieve(pending, fields=("provenance",)) if pending else {}
        return [
            replace(entry, outcome="unchanged", item=None)
            if entry.pending and entry.id in stored and self._is_of(stored[entry.id].payload, entry)
            else entry
            for entry in batch
        ]

    def _is_of(self, payload: Mapping[str, Any], entry: Entry) -> bool:
        provenance = payload.get("provenance") or {}
        return (
            provenance.get("content_hash") == entry.content_hash
            and provenance.get("fingerprint") == self.fingerprint
            and self.preparation.matches(provenance)
        )


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
    """Photos fetched, decoded, cropped to the product and made ready for the encoder.

    URLs are fetched side by side in `fetching`, at most `AHEAD` of a batch before they are decoded;
    `decoding` bounds how many batches hold decoded photos at once. A grounder looks at `TOGETHER` of them
    at a time.
    """

    source: PhotoSource
    embedder: LazyEmbedder
    preparation: Preparation
    max_pixels: int
    fetching: Executor
    decoding: threading.Semaphore

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry that has a photo, with the photo prepared."""
        done = list(batch)
        rows = [i for i, entry in enumerate(batch) if entry.pending and _image(entry)]
        arriving = self._fetched([batch[i] for i in rows if is_url(_image(batch[i]))])
        step = TOGETHER if self.preparation.grounder else 1
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            read = [next(arriving) if is_url(_image(batch[i])) else self._read(batch[i]) for i in part]
            with self.decoding:
                for i, entry in zip(part, self._looked_at(read), strict=True):
                    done[i] = entry
        return done

    def _fetched(self, entries: Batch) -> Iterator[Entry]:
        waiting: deque[Future[Entry]] = deque()
        for entry in entries:
            waiting.append(self.fetching.submit(self._read, entry))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()

    def _read(self, entry: Entry) -> Entry:
        try:
            return replace(entry, data=self.source.read(_image(entry)))
        except PhotoError as error:
            return entry.failed("photo", str(error))

    def _looked_at(self, entries: Batch) -> Batch:
        """The entries with their photos cropped and prepared; decoded photos end here."""
        decoded = [self._decoded(entry) for entry in entries]
        located = self._located([entry for entry, _ in decoded], [photo for _, photo in decoded])
        return [self._ready(entry, photo) for entry, (_, photo) in zip(located, decoded, strict=True)]

    def _decoded(self, entry: Entry) -> tuple[Entry, Image.Image | None]:
        if entry.data is None:
            return entry, None
        try:
            return entry, decode(entry.data, max_pixels=self.max_pixels)
        except PhotoError as error:
            return entry.failed("photo", str(error)), None

    def _located(self, entries: Batch, photos: Sequence[Image.Image | None]) -> Batch:
        """The entries with what the grounder found in their photos."""
        grounder = self.preparation.get_grounder() if any(photos) else None
        if grounder is None:
            return entries
        seen = [row for row, photo in enumerate(photos) if photo is not None]
        shown = [photo for photo in photos if photo is not None]
        boxes = grounder.locate(shown, [_item(entries[row]).product_type for row in seen])
        located = list(entries)
        for row, photo, box in zip(seen, shown, boxes, strict=True):
            crop = choose(box, photo.size, self.preparation.rule)
            located[row] = replace(entries[row], found=Found(box, crop, photo.size))
        return located

    def _ready(self, entry: Entry, photo: Image.Image | None) -> Entry:
        if photo is None or entry.item is None:
            return entry
        prepared = self.embedder.get().prepare(cut(photo, entry.found.crop if entry.found else None))
        # its hash is taken; let go of the bytes
        item = replace(entry.item, image=None) if isinstance(entry.item.image, bytes) else entry.item
        data = entry.data if self.preparation.sees else None
        return replace(entry, item=item, photo=prepared, photo_hash=photo_hash(photo), data=data)


@dataclass(frozen=True, slots=True)
class Refine:
    """Texts made clean; which of them stay is settled when the photo's vector is known."""

    preparation: Preparation

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its refined text. `BudgetSpent` and `RefinementError` end the run."""
        refiner = self.preparation.refiner
        rows = [i for i, entry in enumerate(batch) if entry.pending]
        if refiner is None or not rows:
            return batch
        texts = refiner.refine([_item(batch[i]) for i in rows], [batch[i].data for i in rows])
        done = list(batch)
        for i, text in zip(rows, texts, strict=True):
            done[i] = replace(batch[i], refined=text, data=None)
        return done


@dataclass(frozen=True, slots=True)
class Embed:
    """Prepared photos and texts to fused vectors; a text the photo judges has to fit it."""

    embedder: LazyEmbedder
    preparation: Preparation

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry with its vector; the model is asked once."""
        checked = [_embeddable(entry) for entry in batch]
        pending = [entry for entry in checked if entry.pending]
        if not pending:
            return checked
        photos, items = [entry.photo for entry in pending], [_item(entry) for entry in pending]
        refined = [entry.refined for entry in pending if entry.refined is not None]
        if not refined:
            vectors = self.embedder.get().embed_items(
                photos, [item.text for item in items], [item.id for item in items]
            )
        else:
            texts = [text.text for text in refined]
            own = [  # two equal texts leave the photo nothing to judge
                item.text if self.preparation.judged(text) else text.text
                for item, text in zip(items, refined, strict=True)
            ]
            vectors, kept = self.embedder.get().embed_refined(photos, own, texts, [item.id for item in items])
            settled = settle(items, refined, kept.tolist())
            pending = [replace(entry, refined=text) for entry, text in zip(pending, settled, strict=True)]
        done = iter([_embedded(entry, row) for entry, row in zip(pending, vectors, strict=True)])
        return [next(done) if entry.pending else entry for entry in checked]


@dataclass(frozen=True, slots=True)
class Save:
    """Vectors into the store, failures into the dead letters."""

    store: Store
    ledger: Ledger
    run: int
    fingerprint: str
    preparation: Preparation
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, batch: Batch) -> Batch:
        """Points first, then the ledger: a crash between them costs a stale dead letter at most."""
        self.store.upsert([self._point(entry) for entry in batch if entry.pending])
        done = [
            replace(entry, outcome="embedded", vector=None) if entry.pending else entry for entry in batch
        ]
        self.ledger.bury(self.run, done)
        self.ledger.resolve(entry for entry in done if entry.outcome is not None)
        return done

    def _point(self, entry: Entry) -> Point:
        item = _item(entry)
        if entry.vector is None:
            raise AssertionError("Save comes after Embed")
        provenance = {
            "fingerprint": self.fingerprint,
            "content_hash": entry.content_hash,
            "text": entry.refined.text if entry.refined is not None else item.text,
            "embedded_at": self.now().isoformat(timespec="seconds"),
            **({"photo_hash": entry.photo_hash} if entry.photo_hash else {}),
            **self.preparation.provenance,
            **_seen(entry.found),
            **_said(entry.refined),
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


def _seen(found: Found | None) -> dict[str, Any]:
    """Provenance of the crop: what was cut out, and what the grounder saw even if it was not trusted."""
    if found is None or found.detection is None:
        return {}
    box = [round(edge, 2) for edge in found.detection.box]
    seen: dict[str, Any] = {
        "photo_size": list(found.size), "detected": box, "detected_score": round(found.detection.score, 4),
    }  # fmt: skip
    return seen | ({"crop": list(found.crop.box)} if found.crop is not None else {})


def _said(refined: Refined | None) -> dict[str, Any]:
    """Provenance of the text: who wrote it, in which version, and why not who should have."""
    if refined is None:
        return {}
    said: dict[str, Any] = {"refiner": refined.version, "text_by": refined.by}
    return said | ({"text_note": refined.fallback} if refined.fallback else {})


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
