"""A whole catalogue into the store.

Laws (tests/ingestion/pipeline/test_ingest.py):
- ingesting twice equals ingesting once; the second time nothing is embedded and no model is loaded;
- an ingest that was killed and run again gives the points of one that never was, but for `embedded_at`;
- read = embedded + updated + unchanged + duplicates + failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vlclip.engine.duplicates import NEAR
from vlclip.engine.errors import VlclipError
from vlclip.ingestion.ledger.ledger import Ledger, Status
from vlclip.ingestion.photos.folders import PhotoFolders
from vlclip.ingestion.pipeline.agreement import AgreementSample, judge
from vlclip.ingestion.pipeline.chain import PhotoReading, open_chain
from vlclip.ingestion.pipeline.destination import Destination, open_destination
from vlclip.ingestion.pipeline.duplicates import find_duplicates
from vlclip.ingestion.pipeline.photo_hint import photo_hint
from vlclip.ingestion.pipeline.prune import prune
from vlclip.ingestion.pipeline.report import IngestReport, Progress, Tally
from vlclip.ingestion.pipeline.runner import ThreadedStep, overlap
from vlclip.ingestion.pipeline.weighting import measure
from vlclip.ingestion.reading.catalogue import batched, open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.settings import IngestionSettings
from vlclip.ingestion.stages.claim import Claim
from vlclip.ingestion.stages.missing_photo import MissingPhoto
from vlclip.ingestion.stages.preparation import Preparation, open_preparation
from vlclip.ingestion.stages.save import Save

FLUSH_S = 5.0
LATEST = 5
"""Dead letters that a report names; the ledger has them all."""


@dataclass(frozen=True, slots=True)
class IngestPlan:
    """Which catalogue to ingest, and how.

    `source` is a file or a folder of shards, `mapping` are `field=column` options, `layout` is the shop
    system whose export it is, `auto` or `plain`. `prune` deletes what the catalogue no longer has,
    `force_prune` even if that is most of the store. `retry_failed` takes up dead letters alone. Photos at a
    distance up to `near` are reported as duplicates. `encoding` is that of CSV and TSV files that are not
    UTF-8. `photo_folders` is told which files of photos are read. With `check_photos` the servers of
    photos at addresses are asked whether these changed.
    """

    source: str | Path
    mapping: Sequence[str] = ()
    layout: str = "auto"
    prune: bool = False
    force_prune: bool = False
    retry_failed: bool = False
    near: int = NEAR
    encoding: str = ""
    photo_folders: PhotoFolders | None = None
    check_photos: bool = False


def ingest_catalogue(
    source: str | Path,
    settings: IngestionSettings,
    *,
    mapping: Sequence[str] = (),
    layout: str = "auto",
    prune: bool = False,
    force_prune: bool = False,
    retry_failed: bool = False,
    near: int = NEAR,
    encoding: str = "",
    progress: Progress = lambda _: None,
) -> IngestReport:
    """Bring the store that the settings name up to date with a catalogue; it is made if it is not there.

    The options are those of `IngestPlan`, the errors those of `ingest` and of opening a store.
    """
    plan = IngestPlan(source, mapping, layout, prune, force_prune, retry_failed, near, encoding)
    with open_destination(settings) as destination:
        return ingest(plan, destination, settings, progress=progress)


def ingest(
    plan: IngestPlan,
    destination: Destination,
    settings: IngestionSettings,
    *,
    preparation: Preparation | None = None,
    progress: Progress = lambda _: None,
) -> IngestReport:
    """Bring an open store up to date with a catalogue.

    `preparation` is that of the settings unless the caller brings one; it is closed with the run.

    Errors: `CatalogueError` and `MappingError` before anything is written, `FingerprintMismatch` if
    the store is another encoder's. Store and encoder errors end the run, which can be run again.
    """
    destination.check()
    store, ledger = destination.store, destination.ledger
    catalogue = open_catalogue(plan.source, plan.layout, plan.encoding)
    columns = map_columns(catalogue, plan.mapping, ReadingChoices.of(settings, destination.info.language))
    total = ledger.dead_letters.count() if plan.retry_failed else catalogue.total()
    tally = Tally(total, columns.describe())
    tally.model = destination.info.encoders.get("image", "")
    with (
        recorded_run(ledger, plan.source, destination.info.fingerprint, tally, store.flush) as run,
        open_preparation(settings, preparation, destination.info.language) as prepared,
    ):
        measure(store, catalogue, columns)
        progress(tally.report())
        missing = MissingPhoto(settings.ingest.missing_photo == "words", plan.retry_failed)
        reading = PhotoReading(folders=plan.photo_folders, checks=plan.check_photos)
        with open_chain(destination, settings, prepared, catalogue.root, missing, reading) as chain:
            batches = claimed_batches(
                catalogue.entries(columns), Claim(ledger, run), tally, settings, retry=plan.retry_failed
            )
            steps = [
                ThreadedStep(
                    "prepare", chain.before_embedding, settings.ingest.workers, settings.ingest.queue
                ),
                ThreadedStep("embed", chain.embed),
            ]
            save = Save(store, ledger, run, destination.info.fingerprint, prepared)
            sample = AgreementSample()
            flushed = time.monotonic()
            with closing(overlap(batches, steps, cancel=chain.cancel)) as ready:
                for batch in ready:
                    saved = save(batch)
                    tally.count(saved)
                    sample.add(saved)
                    if time.monotonic() - flushed > FLUSH_S:
                        store.flush()
                        flushed = time.monotonic()
                    progress(tally.report())
        if not plan.retry_failed:
            ledger.dead_letters.forget_missing(run, catalogue.sources)
        if plan.prune or plan.force_prune:
            tally.deleted, tally.prune_refused = prune(
                store,
                ledger,
                run,
                nameless=tally.nameless,
                doubtful=tally.doubtful,
                force=plan.force_prune,
            )
        changed = bool(tally.report().embedded or tally.deleted)
        store.optimize()  # what was written over HTTP since the last run as well
    if changed:  # everything is in the store by now: nothing is lost if this is interrupted
        tally.photo_duplicates = find_duplicates(store, plan.near)
        tally.agreement = judge(store, sample.ids)
    if not plan.retry_failed:
        tally.photo_hint = photo_hint(tally, catalogue, columns)
    report = final_report(tally, ledger)
    progress(report)
    return report


def final_report(tally: Tally, ledger: Ledger) -> IngestReport:
    """The report of a run that has ended, with what waits for a retry.

    Nothing more is to come: rows that were no items of their own no longer count as expected.
    """
    report = tally.report()
    return replace(
        report,
        total=report.read,
        dead_letters=ledger.dead_letters.count(),
        latest_dead_letters=tuple(ledger.dead_letters.latest(LATEST)),
    )


@contextmanager
def recorded_run(
    ledger: Ledger, source: str | Path, fingerprint: str, tally: Tally, flush: Callable[[], None]
) -> Iterator[int]:
    """A run in the ledger; however it ends, what was written is flushed and the end is recorded."""
    run = ledger.start(str(Path(source).expanduser().absolute()), fingerprint)
    try:
        yield run
        flush()
    except BaseException as error:
        status: Status = "failed" if isinstance(error, Exception) else "interrupted"
        with suppress(VlclipError):  # the first error is the one to report
            flush()
        with suppress(VlclipError):
            ledger.finish(run, status, tally.counts())
        raise
    ledger.finish(run, "complete", tally.counts())


def claimed_batches(
    entries: Iterator[Entry], claim: Claim, tally: Tally, settings: IngestionSettings, *, retry: bool
) -> Iterator[Batch]:
    """Batches of claimed entries; with `retry` those alone that are dead letters."""
    for batch in batched(entries, settings.ingest.batch):
        tally.nameless += sum(not entry.id for entry in batch)
        tally.doubtful += sum(entry.doubtful for entry in batch)
        claimed = claim(batch)
        if retry:
            buried = claim.ledger.dead_letters.contains(claimed)
            claimed = [entry for entry, is_buried in zip(claimed, buried, strict=True) if is_buried]
        if claimed:
            yield claimed
