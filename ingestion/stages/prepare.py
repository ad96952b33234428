"""Photos fetched, decoded, cropped and made ready for the encoder."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from PIL import Image

from vlclip.engine.duplicates import photo_hash
from vlclip.engine.errors import PhotoError, PhotosBusy
from vlclip.engine.grounding.rule import choose, cut
from vlclip.engine.item import ReferredPhoto
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.ingestion.photos.source import PhotoSource, is_url
from vlclip.ingestion.reading.entry import Batch, Entry, GroundedPhoto
from vlclip.ingestion.stages.embed import LazyEmbedder
from vlclip.ingestion.stages.missing_photo import STRICT, MissingPhoto, next_photo
from vlclip.ingestion.stages.preparation import Preparation

TOGETHER = 16
"""Photos that a grounder gets at once: enough for its batches."""
TOGETHER_PIXELS = 16_000_000
"""Decoded photos wait for others until they have so many pixels. A batch holds fewer than these and one more
photo, of at most `MOST_PIXELS`: at 4 bytes a pixel 98 MB."""
AHEAD = 32
"""Fetched photos that wait to be decoded: at `fetch.max_bytes` each, what a batch of URLs may hold."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Photos fetched, decoded, cropped to the product and made ready for the encoder.

    URLs are fetched side by side in `fetching`, at most `AHEAD` of a batch before they are decoded.
    `decoding` bounds how many batches hold decoded photos at once. A grounder gets `TOGETHER` of them at a
    time, fewer where they are large.
    """

    source: PhotoSource
    embedder: LazyEmbedder
    preparation: Preparation
    limits: Limits
    fetching: Executor
    decoding: threading.Semaphore
    missing: MissingPhoto = STRICT

    def __call__(self, batch: Batch) -> Batch:
        """Every pending entry that has a photo, with the photo prepared."""
        entries = list(batch)
        rows = [
            i for i, entry in enumerate(batch) if entry.pending and entry.image and not entry.photo_problem
        ]
        arriving = self._fetched([batch[i] for i in rows if is_url(batch[i].image)])
        step = TOGETHER if self.preparation.grounder else 1
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            fetched = [next(arriving) if is_url(batch[i].image) else self._read(batch[i]) for i in part]
            with self.decoding:
                for i, entry in zip(part, self._cropped(fetched), strict=True):
                    entries[i] = entry
        return entries

    def _fetched(self, entries: Batch) -> Iterator[Entry]:
        waiting: deque[Future[Entry]] = deque()
        for entry in entries:
            waiting.append(self.fetching.submit(self._read, entry))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()

    def _read(self, entry: Entry) -> Entry:
        """The entry with the bytes of the first of its photos that can be read."""
        readable, problem = self._readable(entry)
        return readable or self.missing.settle(entry, problem)

    def _readable(self, entry: Entry | None) -> tuple[Entry | None, str]:
        """The entry with the bytes of its photo or, if that cannot be read, of a later one; else why not."""
        problem = ""
        while entry is not None:
            try:
                data = self.source.read(entry.image)
                version = self.source.latest_version() if is_url(entry.image) else ""
                return replace(entry, data=data, photo_version=version), problem
            except PhotoError as error:
                problem = problem or str(error)
            entry = next_photo(entry)
        return None, problem

    def _cropped(self, entries: Batch) -> Iterator[Entry]:
        """The entries with their photos cropped and prepared; decoded photos end here."""
        photos: list[Image.Image | None] = []
        decoded: Batch = []
        for entry in entries:
            current, photo = self._decoded(entry)
            decoded.append(current)
            photos.append(photo)
            if sum(photo.width * photo.height for photo in photos if photo) >= TOGETHER_PIXELS:
                yield from map(self._ready, self._located(decoded, photos), photos)
                photos, decoded, photo = [], [], None
        yield from map(self._ready, self._located(decoded, photos), photos)

    def _decoded(self, entry: Entry) -> tuple[Entry, Image.Image | None]:
        """The entry and the first of its photos that can be decoded."""
        problem, current = "", entry if entry.data is not None else None
        while current is not None and current.data is not None:
            try:
                return current, decode(current.data, self.limits)
            except PhotosBusy as error:
                # the photo may be fine: neither a later one nor the words alone stand in for it
                return entry.failed("photo", str(error), passing=True), None
            except PhotoError as error:
                problem = problem or str(error)
            current, _ = self._readable(next_photo(replace(current, data=None)))
        return (self.missing.settle(entry, problem) if problem else entry), None

    def _located(self, entries: Batch, photos: Sequence[Image.Image | None]) -> Batch:
        """The entries with what the grounder found in their photos."""
        grounder = self.preparation.get_grounder() if any(photos) else None
        if grounder is None:
            return entries
        rows = [row for row, photo in enumerate(photos) if photo is not None]
        present = [photo for photo in photos if photo is not None]
        boxes = grounder.locate(present, [entries[row].pending_item.product_type for row in rows])
        located = list(entries)
        for row, photo, box in zip(rows, present, boxes, strict=True):
            crop = choose(box, photo.size, self.preparation.rule)
            located[row] = replace(entries[row], grounded=GroundedPhoto(box, crop, photo.size))
        return located

    def _ready(self, entry: Entry, photo: Image.Image | None) -> Entry:
        if photo is None or entry.item is None:
            return entry
        prepared = self.embedder.get().prepare(cut(photo, entry.grounded.crop if entry.grounded else None))
        # the content hash is computed, so the bytes can go
        item = entry.item
        if isinstance(item.image, bytes):
            reference = item.image.reference if isinstance(item.image, ReferredPhoto) else None
            item = replace(item, image=reference)
        data = entry.data if self.preparation.sees else None
        return replace(
            entry,
            item=item,
            photo=prepared,
            photo_hash=photo_hash(photo),
            data=data,
            photo_problem="",
            has_photo=True,
        )
