"""Vectors into the store with their provenance, failures into the dead letters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from vlclip.engine.errors import DiskFull, StoreFull
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.store.fields import FieldKind, unmatched
from vlclip.engine.store.store import Point, Store
from vlclip.ingestion.errors import LedgerError
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ingestion.reading.entry import Batch, Entry, GroundedPhoto
from vlclip.ingestion.stages.compare import PHOTO_VERSION
from vlclip.ingestion.stages.missing_photo import PROBLEM
from vlclip.ingestion.stages.preparation import Preparation
from vlclip.ingestion.stages.update import save_fields

log = logging.getLogger("vlclip.ingest")
_PLURALS: Mapping[FieldKind, str] = {"keyword": "texts", "number": "numbers", "bool": "true or false"}
TOO_MANY = (
    "has fields beyond those that this store filters on (setting max_fields): they are stored and shown, and "
    "no filter can name them; vlclip optimize frees the places of fields that no item has any more"
)
"""The note on an item with fields that came too late."""
WITH_WORDS = " (stored with its words alone)"
DELETED = "it was deleted while this run was under way; ingest it again"


@dataclass(frozen=True, slots=True)
class Save:
    """Vectors into the store, failures into the dead letters."""

    store: Store
    ledger: Ledger
    run: int
    fingerprint: str
    preparation: Preparation
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kinds: dict[str, FieldKind] = field(default_factory=dict)
    """The kinds of the store's fields, as far as they were needed; a kind never changes."""
    names: set[str] = field(default_factory=set)
    """The fields whose kinds were looked up; not all have one."""

    def __call__(self, batch: Batch) -> Batch:
        """Points first, then the ledger: a crash between them costs a stale dead letter at most."""
        points = {entry.id: self._point(entry) for entry in batch if entry.pending}
        self.store.upsert(list(points.values()))
        updated = {entry.id: entry for entry in batch if entry.outcome == "updated"}
        refused = self._refused(updated, is_alone=not points)
        payloads = {name: point.payload for name, point in points.items()}
        payloads |= {name: entry.item.payload() for name, entry in updated.items() if entry.item}
        self._learn_kinds(payloads.values())
        saved = [
            entry.failed("embed", refused[entry.id])
            if entry.outcome == "updated" and entry.id in refused
            else self._saved(entry, payloads[entry.id])
            if entry.is_to_save
            else entry
            for entry in batch
        ]
        try:
            self._note(saved)
        except (LedgerError, DiskFull) as error:
            if self.run:  # a run ends, and the next one goes on where it ended
                raise
            log.error("items were written, but not all was noted: %s", error)  # noqa: TRY400 - it says why
        return saved

    def _refused(self, updated: Mapping[str, Entry], *, is_alone: bool) -> dict[str, str]:
        """Write the fields of updated items; why those were not written that were not."""
        try:
            written = save_fields(list(updated.values()), self.store)
        except StoreFull as error:
            if self.run or is_alone:
                raise
            return dict.fromkeys(updated, str(error))
        return dict.fromkeys(updated.keys() - written, DELETED)

    def _note(self, saved: Batch) -> None:
        letters = self.ledger.dead_letters
        letters.resolve(entry for entry in saved if entry.outcome is not None and not entry.is_without_photo)
        without = [entry for entry in saved if entry.is_without_photo]
        tried = [entry for entry in without if entry.outcome == "embedded"]
        letters.bury(self.run, [entry for entry in saved if entry.failure] + _letters(tried))
        letters.bury(self.run, _letters([e for e in without if e.outcome == "unchanged"]), is_attempt=False)

    def _saved(self, entry: Entry, payload: Mapping[str, Any]) -> Entry:
        warnings = (*entry.warnings, *self._misfits(payload))
        return replace(entry, outcome=entry.outcome or "embedded", vector=None, warnings=warnings)

    def _learn_kinds(self, payloads: Iterable[Mapping[str, Any]]) -> None:
        """Look up the kinds of fields that come for the first time, after they were written."""
        fresh = {name for payload in payloads for name in payload} - self.names
        if fresh:
            self.names.update(fresh)
            self.kinds.update(self.store.fields())

    def _misfits(self, payload: Mapping[str, Any]) -> list[str]:
        """A warning for every value that is not of the kind its field has in the store."""
        return [
            f"{name} holds {_PLURALS[self.kinds[name]]} in this store, and this value is of another kind; it "
            "is stored and shown, but no filter finds it"
            for name in unmatched(payload, self.kinds)
        ] + ([TOO_MANY] if self.store.left_out(payload) else [])

    def _point(self, entry: Entry) -> Point:
        item = entry.pending_item
        if entry.vector is None:
            raise AssertionError("Save comes after Embed")
        provenance = {
            "fingerprint": self.fingerprint,
            "content_hash": entry.content_hash,
            "text": entry.refined.text if entry.refined is not None else item.text,
            "embedded_at": self.now().isoformat(timespec="seconds"),
            **({"photo_hash": entry.photo_hash} if entry.photo_hash else {}),
            **({PHOTO_VERSION: entry.photo_version} if entry.photo_version else {}),
            **self.preparation.provenance,
            **_photo_provenance(entry.grounded),
            **({PROBLEM: entry.photo_problem} if entry.photo_problem else {}),
            **_text_provenance(entry.refined),
        }
        payload = {**item.payload(), "provenance": provenance}
        return Point(entry.id, entry.vector, item.lexical_texts, payload)


def _letters(entries: Batch) -> Batch:
    """Items that are stored without their photos, as failures of these."""
    return [entry.failed("photo", f"{entry.photo_problem}{WITH_WORDS}") for entry in entries]


def _photo_provenance(grounded: GroundedPhoto | None) -> dict[str, Any]:
    """Provenance of the crop: what was cut out, and what the grounder found even if the rule refused it."""
    if grounded is None or grounded.detection is None:
        return {}
    detection, crop = grounded.detection, grounded.crop
    provenance: dict[str, Any] = {
        "photo_size": list(grounded.size),
        "detected": [round(edge, 2) for edge in detection.box],
        "detected_score": round(detection.score, 4),
    }
    return provenance | ({"crop": list(crop.box)} if crop is not None else {})


def _text_provenance(refined: Refined | None) -> dict[str, Any]:
    """Provenance of the text: who wrote it, in which version, and why the refiner's own was not used."""
    if refined is None:
        return {}
    provenance: dict[str, Any] = {"refiner": refined.version, "text_by": refined.by}
    return provenance | ({"text_note": refined.fallback} if refined.fallback else {})
