"""Ingest: a whole catalogue into the store, or items one by one.

Laws (tests/ingestion/pipeline/test_ingest.py):
- ingesting twice equals ingesting once, and the second time nothing is embedded and no model loaded;
- killed anywhere and run again equals never killed, point for point but for `embedded_at`;
- read = embedded + unchanged + duplicates + failed;
- in both ways in, the same stages give the same points.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlclip.engine.duplicates import NEAR
from vlclip.engine.encoding.embedder import Embedder
from vlclip.engine.errors import VlclipError
from vlclip.engine.item import Item
from vlclip.engine.store.store import Store, StoreInfo, check_fingerprint
from vlclip.ingestion.photos.decoding import PhotoSource
from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.pipeline.duplicates import find_duplicates
from vlclip.ingestion.pipeline.ledger import Ledger, Status
from vlclip.ingestion.pipeline.preparation import Preparation
from vlclip.ingestion.pipeline.prune import prune as prune_store
from vlclip.ingestion.pipeline.report import IngestReport, ItemResult, Progress, Tally
from vlclip.ingestion.pipeline.runner import Step, overlap
from vlclip.ingestion.pipeline.stages import (
    Claim,
    Compare,
    Digest,
    Embed,
    LazyEmbedder,
    Prepare,
    Refine,
    Save,
    claim_once,
)
from vlclip.ingestion.reading.catalogue import batched, open_catalogue
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.settings import IngestionSettings

FLUSH_S = 5.0
API = "api"
"""The source of items that did not come from a catalogue."""


def ingest(
    source: str | Path,
    store: Store,
    info: StoreInfo,
    load: Callable[[], Embedder],
    ledger: Ledger,
    settings: IngestionSettings,
    *,
    mapping: Sequence[str] = (),
    prune: bool = False,
    force_prune: bool = False,
    retry_failed: bool = False,
    preparation: Preparation | None = None,
    near: int = NEAR,
    progress: Progress = lambda _: None,
) -> IngestReport:
    """Bring the store up to date with the catalogue at `source`, a file or a folder of shards.

    `load` is called once, when the first item needs embedding; `info` says beforehand what it will
    load. `mapping` are `field=column` options. `prune` deletes what the catalogue no longer has,
    `force_prune` even if that is most of the store. `retry_failed` takes up dead letters alone.
    `preparation` is what the settings ask for unless it is given; it is closed with the run.
    Photos of a distance up to `near` are told as duplicates.

    Errors: `CatalogueError` and `MappingError` before anything is written, `FingerprintMismatch` if
    the store is another encoder's; store and encoder errors end the run, which can be run again.
    """
    check_fingerprint(store.info, info, "the store")
    catalogue = open_catalogue(source)
    columns = map_columns(catalogue, mapping)
    total = ledger.count_dead_letters() if retry_failed else catalogue.total()
    tally = Tally(total, columns.describe())
    with _run(ledger, store, str(source), info, tally) as run, _prepared(preparation, settings) as prepared:
        progress(tally.report())
        with _way(store, info, load, settings, prepared, catalogue.root, allow_files=True) as way:
            batches = _read(
                catalogue.entries(columns), Claim(ledger, run), tally, settings, retry=retry_failed
            )
            steps = [
                Step("prepare", way.before, settings.ingest.workers, settings.ingest.queue),
                Step("embed", way.embed),
            ]
            save = Save(store, ledger, run, info.fingerprint, prepared)
            flushed = time.monotonic()
            with closing(overlap(batches, steps, cancel=way.cancel)) as ready:
                for batch in ready:
                    tally.count(save(batch))
                    if time.monotonic() - flushed > FLUSH_S:
                        store.flush()
                        flushed = time.monotonic()
                    progress(tally.report())
        if not retry_failed:
            ledger.forget_gone(run, catalogue.sources)
        if prune or force_prune:
            tally.deleted, tally.prune_refused = prune_store(
                store, ledger, run, nameless=tally.nameless, force=force_prune
            )
        changed = bool(tally.report().embedded or tally.deleted)
        store.optimize()  # what was written over HTTP since the last run as well
    if changed:  # everything is in the store by now: nothing is lost if this is interrupted
        tally.photo_duplicates = find_duplicates(store, near)
    report = tally.report()
    progress(report)
    return report


def ingest_items(
    items: Sequence[Item],
    store: Store,
    info: StoreInfo,
    load: Callable[[], Embedder],
    ledger: Ledger,
    settings: IngestionSettings,
    *,
    source: str = API,
    allow_files: bool = False,
    root: Path | None = None,
    preparation: Preparation | None = None,
    made: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[ItemResult]:
    """Put items into the store through the same stages; one result each, in order.

    Photos are bytes or URLs; paths are read only with `allow_files`, from `root`, else the
    working folder. `made` maps the ids of items that were read from a store to their provenance: the
    store keeps values in the kind of their field, so their hash stays that of the catalogue's row.
    Results are durable when this returns.
    """
    check_fingerprint(store.info, info, "the store")
    given = [Entry.of(item, source, n) for n, item in enumerate(items, start=1)]
    results: list[ItemResult] = []
    with (
        _prepared(preparation, settings) as prepared,
        _way(store, info, load, settings, prepared, root or Path.cwd(), allow_files=allow_files) as way,
    ):
        save = Save(store, ledger, 0, info.fingerprint, prepared)
        for batch in batched(claim_once(given), settings.ingest.batch):
            embedded = way.embed(way.before(batch))
            if made is not None:
                embedded = [_of_its_row(entry, made.get(entry.id, {})) for entry in embedded]
            results += [ItemResult.of(entry) for entry in save(embedded)]
    if any(result.status == "embedded" for result in results):
        store.flush()
    return results


def _of_its_row(entry: Entry, made: Mapping[str, Any]) -> Entry:
    """The entry with the hash its point had; not if its photo looks different now, which is in the hash."""
    same = entry.pending and entry.photo_hash == made.get("photo_hash", "")
    return replace(entry, content_hash=made.get("content_hash", entry.content_hash)) if same else entry


def delete_items(ids: Sequence[str], store: Store, ledger: Ledger) -> int:
    """Remove items and their dead letters; how many were in the store."""
    deleted = store.delete(ids)
    ledger.forget(ids)
    if deleted:
        store.flush()
    return deleted


@contextmanager
def _run(ledger: Ledger, store: Store, source: str, info: StoreInfo, tally: Tally) -> Iterator[int]:
    """A run in the ledger; however it ends, what was written is flushed and the end is recorded."""
    run = ledger.start(source, info.fingerprint)
    try:
        yield run
        store.flush()
    except BaseException as error:
        status: Status = "failed" if isinstance(error, Exception) else "interrupted"
        with suppress(VlclipError):  # the first error is the one to tell
            store.flush()
        with suppress(VlclipError):
            ledger.finish(run, status, tally.counts())
        raise
    ledger.finish(run, "complete", tally.counts())


@contextmanager
def _prepared(given: Preparation | None, settings: IngestionSettings) -> Iterator[Preparation]:
    """The preparation that was given, which its owner closes, or the settings' own."""
    if given is not None:
        yield given
        return
    with closing(Preparation.of(settings)) as own:
        yield own


@dataclass(frozen=True, slots=True)
class _Way:
    """The stages up to the vector, and how to end the answers they may be waiting for."""

    digest: Digest
    compare: Compare
    prepare: Prepare
    refine: Refine
    embed: Embed
    cancel: Callable[[], None]

    def before(self, batch: Batch) -> Batch:
        """Everything ahead of embedding, which several threads do side by side."""
        return self.refine(self.prepare(self.compare(self.digest(batch))))


@contextmanager
def _way(
    store: Store,
    info: StoreInfo,
    load: Callable[[], Embedder],
    settings: IngestionSettings,
    preparation: Preparation,
    root: Path,
    *,
    allow_files: bool,
) -> Iterator[_Way]:
    """The stages with the threads and connections they need."""
    embedder = LazyEmbedder(info, load)
    fetcher = Fetcher(settings.fetch)
    fetching = ThreadPoolExecutor(settings.fetch.concurrency, thread_name_prefix="ingest-fetch")
    photos = PhotoSource(fetcher.fetch, root, settings.fetch.max_bytes, allow_files)
    prepare = Prepare(
        source=photos,
        embedder=embedder,
        preparation=preparation,
        max_pixels=settings.fetch.max_pixels,
        fetching=fetching,
        decoding=threading.BoundedSemaphore(settings.ingest.workers),
    )
    compare, refine = Compare(store, info.fingerprint, preparation), Refine(preparation)

    def cancel() -> None:
        fetcher.close()
        preparation.close()

    try:
        yield _Way(Digest(photos), compare, prepare, refine, Embed(embedder, preparation), cancel)
    finally:
        fetcher.close()
        fetching.shutdown(cancel_futures=True)


def _read(
    entries: Iterator[Entry], claim: Claim, tally: Tally, settings: IngestionSettings, *, retry: bool
) -> Iterator[Batch]:
    """Batches of claimed entries; with `retry` those alone that are dead letters."""
    for batch in batched(entries, settings.ingest.batch):
        tally.nameless += sum(not entry.id for entry in batch)
        claimed = claim(batch)
        if retry:
            wanted = claim.ledger.buried(claimed)
            claimed = [entry for entry, is_wanted in zip(claimed, wanted, strict=True) if is_wanted]
        if claimed:
            yield claimed
