"""A whole catalogue into a running service, over HTTP.

The rows are read, mapped and claimed as for a store; the service is asked which items it holds already, and
the others are sent to it. So the service knows what is embedded, as a store does, and a ledger here only what
failed.

Laws (tests/service/commands/test_feed.py):
- feeding a service gives the points of an ingest into its store; photos in files are sent as bytes, and named
  by their paths below the catalogue's folder;
- feeding twice equals feeding once, and the second time nothing is sent; an interrupted run that is started
  again sends only what is left;
- read = embedded + updated + unchanged + duplicates + failed; what failed is a dead letter with its reason.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

from vlclip.engine.errors import PhotoError
from vlclip.engine.item import Item
from vlclip.engine.store.store import Record
from vlclip.ingestion.errors import FetchError
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.photos.source import PhotoSource, is_url
from vlclip.ingestion.pipeline.ingest import IngestPlan, claimed_batches, final_report, recorded_run
from vlclip.ingestion.pipeline.photo_hint import photo_hint
from vlclip.ingestion.pipeline.prune import prune
from vlclip.ingestion.pipeline.report import IngestReport, ItemResult, Progress, Tally
from vlclip.ingestion.pipeline.runner import ThreadedStep, overlap
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.choices import ReadingChoices
from vlclip.ingestion.reading.entry import Batch, Entry
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.settings import IngestionSettings
from vlclip.ingestion.stages.claim import Claim
from vlclip.ingestion.stages.compare import Digest

REQUEST_ITEMS = 64
"""Items of one request: few enough for a large model to embed them before the answer is due."""
REQUEST_BYTES = 8_000_000
SENDERS = 2
"""Requests at a time: while one is embedded, the next one is on its way."""


class Service(Protocol):
    """A running service, as far as a catalogue needs it; its errors are `VlclipError`s that end the run."""

    def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        """Those ids of a content hash by id that the service holds with just that content."""
        ...

    def put(self, forms: Sequence[Mapping[str, Any]]) -> Sequence[ItemResult]:
        """Write items and replace what is there; one result each, in order."""
        ...

    def ids(self) -> Iterator[list[str]]:
        """The ids of all items, in pages."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items; how many were there."""
        ...


def feed(
    plan: IngestPlan,
    service: Service,
    ledger: Ledger,
    settings: IngestionSettings,
    *,
    progress: Progress = lambda _: None,
) -> IngestReport:
    """Bring a running service up to date with a catalogue. Errors: those of `ingest` and of the service."""
    catalogue = open_catalogue(plan.source, plan.layout, plan.encoding)
    columns = map_columns(catalogue, plan.mapping, ReadingChoices.of(settings))
    note = plan.photo_folders.note if plan.photo_folders is not None else None
    photos = PhotoSource(_left_to_the_service, catalogue.root, settings.fetch.max_bytes, note)
    total = ledger.dead_letters.count() if plan.retry_failed else catalogue.total()
    tally = Tally(total, columns.describe())
    digest, send = Digest(photos), Send(service, photos)
    with recorded_run(ledger, plan.source, "", tally, lambda: None) as run:
        progress(tally.report())
        batches = claimed_batches(
            catalogue.entries(columns), Claim(ledger, run), tally, settings, retry=plan.retry_failed
        )
        steps = [
            ThreadedStep("compare", lambda batch: send.compared(digest(batch))),
            ThreadedStep("send", send, SENDERS),
        ]
        with closing(overlap(batches, steps)) as ready:
            for batch in ready:
                ledger.dead_letters.bury(run, batch)
                ledger.dead_letters.resolve(entry for entry in batch if entry.outcome is not None)
                tally.count(batch)
                progress(tally.report())
        if not plan.retry_failed:
            ledger.dead_letters.forget_missing(run, catalogue.sources)
        if plan.prune or plan.force_prune:
            tally.deleted, tally.prune_refused = prune(
                _Remote(service), ledger, run,
                nameless=tally.nameless, doubtful=tally.doubtful, force=plan.force_prune,
            )  # fmt: skip
    if not plan.retry_failed:
        tally.photo_hint = photo_hint(tally, catalogue, columns)
    report = final_report(tally, ledger)
    progress(report)
    return report


@dataclass(frozen=True, slots=True)
class Send:
    """Entries to the service, in requests of a bounded size."""

    service: Service
    photos: PhotoSource

    def compared(self, batch: Batch) -> Batch:
        """The entries, with those that the service holds marked.

        One whose photo cannot be read fails, and its item stays as the service has it.
        """
        entries = [
            entry.failed("photo", entry.photo_problem) if entry.pending and entry.photo_problem else entry
            for entry in batch
        ]
        hashes = {entry.id: entry.content_hash for entry in entries if entry.pending}
        unchanged = set(self.service.unchanged(hashes)) if hashes else set()
        return [
            replace(entry, outcome="unchanged", item=None, has_photo=bool(entry.image))
            if entry.pending and entry.id in unchanged
            else entry
            for entry in entries
        ]

    def __call__(self, batch: Batch) -> Batch:
        """The entries, with what became of those that were pending."""
        entries = list(batch)
        for part in self._requests(entries):
            results = self.service.put([form for _, form in part])
            for (place, _), result in zip(part, results, strict=True):
                entries[place] = _with_result(entries[place], result)
        return entries

    def _requests(self, entries: list[Entry]) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """Places and forms of the pending entries; one whose photo cannot be read fails in its place."""
        part: list[tuple[int, dict[str, Any]]] = []
        weight = 0
        for place, entry in enumerate(entries):
            if not entry.pending:
                continue
            try:
                form = item_form(entry.pending_item, self.photos)
            except PhotoError as error:
                entries[place] = entry.failed("photo", str(error))
                continue
            size = len(form.get("image_base64", "")) + 1000
            if part and (len(part) >= REQUEST_ITEMS or weight + size > REQUEST_BYTES):
                yield part
                part, weight = [], 0
            part.append((place, form))
            weight += size
        if part:
            yield part


def item_form(item: Item, photos: PhotoSource) -> dict[str, Any]:
    """An item as the API takes it: what is empty is left out, a photo that is not at a URL becomes base64."""
    nothing = Item(item.id)
    form: dict[str, Any] = {"id": item.id}
    for name in (field.name for field in fields(Item)):
        value = getattr(item, name)
        if name not in ("id", "image", "attributes") and value != getattr(nothing, name):
            form[name] = value
    if item.attributes:
        form["attributes"] = dict(item.attributes)
    if item.image:
        if is_url(item.image):
            form["image"] = item.image
        else:
            form["image_base64"] = base64.b64encode(photos.read(item.image)).decode()
            if isinstance(item.image, str) and (path := photos.path_below_root(item.image)):
                form["image"] = path
    return form


def _with_result(entry: Entry, result: ItemResult) -> Entry:
    if result.status == "failed":
        return replace(entry.failed("service", result.reason), item=None)
    warnings = (*entry.warnings, result.reason) if result.reason else entry.warnings
    has_photo = bool(entry.image)
    return replace(entry, outcome=result.status, item=None, warnings=warnings, has_photo=has_photo)


def _left_to_the_service(url: str) -> bytes:
    raise FetchError(f"{url[:200]} is fetched by the service")


@dataclass(frozen=True, slots=True)
class _Remote:
    """The part of a store that pruning needs, over a service."""

    service: Service

    def scan(self, *, fields: tuple[str, ...] | None = None, batch: int = 1000) -> Iterator[list[Record]]:  # noqa: ARG002 - the store's
        return ([Record(item_id, {}) for item_id in ids] for ids in self.service.ids())

    def delete(self, ids: Sequence[str]) -> int:
        return self.service.delete(ids)


def state_folder(url: str) -> Path:
    """Where a service's ledger lies unless another place is named: in the working folder, by its address."""
    address = url.partition("://")[2].rstrip("/")
    name = "".join(sign if sign.isalnum() or sign in ".-" else "_" for sign in address)
    return Path(".vlclip") / (name or "service")
