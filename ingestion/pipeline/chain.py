"""The stages from a row to its vector, assembled with the threads and connections they need."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.photos.folders import PhotoFolders
from vlclip.ingestion.photos.source import PhotoSource
from vlclip.ingestion.pipeline.destination import Destination
from vlclip.ingestion.reading.entry import Batch
from vlclip.ingestion.settings import IngestionSettings
from vlclip.ingestion.stages.compare import Compare, Digest, PhotoCheck
from vlclip.ingestion.stages.embed import Embed, LazyEmbedder, Refine
from vlclip.ingestion.stages.missing_photo import STRICT, MissingPhoto
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.ingestion.stages.prepare import Prepare
from vlclip.ingestion.stages.update import Update


@dataclass(frozen=True, slots=True)
class Chain:
    """The stages up to the vector; `cancel` ends the answers from outside that they may wait for."""

    digest: Digest
    compare: Compare
    update: Update
    prepare: Prepare
    refine: Refine
    embed: Embed
    cancel: Callable[[], None]

    def before_embedding(self, batch: Batch) -> Batch:
        """Every stage ahead of embedding, which several threads run side by side."""
        return self.refine(self.prepare(self.update(self.compare(self.digest(batch)))))


@dataclass(frozen=True, slots=True)
class PhotoReading:
    """How photos are read.

    `until` is when all have to have come, in seconds of the monotonic clock. `folders` is told which files
    are read. With `checks` the servers of unchanged items are asked whether their photos changed.
    """

    until: float = math.inf
    folders: PhotoFolders | None = None
    checks: bool = False


@contextmanager
def open_chain(
    destination: Destination,
    settings: IngestionSettings,
    preparation: Preparation,
    root: Path | None,
    missing: MissingPhoto = STRICT,
    reading: PhotoReading = PhotoReading(),
) -> Iterator[Chain]:
    """The stages; `root` is where photo paths start, None refuses paths."""
    embedder = LazyEmbedder(destination.info, destination.load)
    fetcher = Fetcher(settings.fetch, until=reading.until)
    fetching = ThreadPoolExecutor(settings.fetch.concurrency, thread_name_prefix="ingest-fetch")
    note = reading.folders.note if reading.folders is not None else None
    photos = PhotoSource(fetcher.fetch, root, settings.fetch.max_bytes, note, fetcher.latest_version)
    prepare = Prepare(
        source=photos,
        embedder=embedder,
        preparation=preparation,
        limits=settings.fetch.limits,
        fetching=fetching,
        decoding=threading.BoundedSemaphore(settings.ingest.workers),
        missing=missing,
    )
    check = PhotoCheck(fetcher.version, fetching) if reading.checks else None
    compare = Compare(destination.store, destination.info.fingerprint, preparation, missing, check)

    def cancel() -> None:
        fetcher.close()
        preparation.close()

    try:
        yield Chain(
            Digest(photos),
            compare,
            Update(destination.store, photos),
            prepare,
            Refine(preparation),
            Embed(embedder, preparation),
            cancel,
        )
    finally:
        fetcher.close()
        fetching.shutdown(cancel_futures=True)
