"""The report of an ingest: its state while it runs, and its result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vlclip.engine.refinement.report import RefinementReport
from vlclip.ingestion.ledger.dead_letters import DeadLetter
from vlclip.ingestion.pipeline.agreement import Agreement
from vlclip.ingestion.pipeline.duplicates import PhotoDuplicates
from vlclip.ingestion.reading.entry import Entry, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """Counts of a run: read = embedded + updated + unchanged + duplicates + failed.

    `updated` items have new fields and their former vectors, since nothing changed that is encoded.

    `total` is the number of rows expected, for progress; None where it is not known. `without_photo` counts
    the items that are stored with their words alone since their photo cannot be read, `with_photo` those that
    have their photo in the vector; `photo_hint` says what to do where none has. `agreement` is that of words
    and photos by the `model`, of a sample of what was embedded. `duplicates` are rows that repeat an earlier
    one word for word. `photo_duplicates` are the items of the whole
    store whose photos are alike, searched at the end of a run that changed something. `warnings` maps
    a sentence to the number of items it holds for. In `cropped` of `grounded` photos the grounder was sure
    of a product. `refinement` is `RefinementReport.as_dict()`, empty where nothing was refined.
    `prune_refused` says why pruning was refused, else "". `mapping` are the lines of
    `ColumnMapping.describe()`. At the end of a run, `dead_letters` counts the items that wait for a retry,
    from this run or earlier ones, and `latest_dead_letters` holds a few of them, newest first.
    """

    read: int = 0
    embedded: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    failed: int = 0
    without_photo: int = 0
    with_photo: int = 0
    photo_hint: str = ""
    agreement: Agreement | None = None
    model: str = ""
    deleted: int = 0
    seconds: float = 0.0
    total: int | None = None
    warnings: Mapping[str, int] = field(default_factory=dict)
    cropped: int = 0
    grounded: int = 0
    refinement: Mapping[str, Any] = field(default_factory=dict)
    prune_refused: str = ""
    mapping: tuple[str, ...] = ()
    photo_duplicates: PhotoDuplicates | None = None
    dead_letters: int = 0
    latest_dead_letters: tuple[DeadLetter, ...] = ()

    @property
    def items_per_second(self) -> float:
        """Rows read per second of the whole run."""
        return self.read / self.seconds if self.seconds else 0.0


MAX_WARNINGS = 100
"""Different sentences that a report lists; the words of a catalogue can be as many as its rows."""

Progress = Callable[[IngestReport], None]
"""Called in the caller's thread with the state so far: once at the start, then after every batch."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one item: `reason` says why it failed, or what was left out of it; else it is "".

    A failure that is `passing` may succeed later.
    """

    id: str
    status: Literal["embedded", "updated", "unchanged", "duplicate", "failed"]
    reason: str = ""
    passing: bool = False

    @classmethod
    def of(cls, entry: Entry) -> ItemResult:
        """The result of an entry that has been through every stage."""
        if entry.failure is not None or entry.outcome is None:
            failure = entry.failure or Failure("read", "")
            return cls(entry.id, "failed", failure.reason, failure.passing)
        return cls(entry.id, entry.outcome, "; ".join(entry.warnings))


class Tally:
    """Counts entries as they come out; `report()` is the state so far.

    `nameless` are rows without an id, `doubtful` those that may hold other rows; those that a retry skips
    count as well. Whoever reads the rows counts them.
    """

    def __init__(self, total: int | None, mapping: Iterable[str]) -> None:
        self.deleted = 0
        self.prune_refused = ""
        self.nameless = 0
        self.doubtful = 0
        self.photo_duplicates: PhotoDuplicates | None = None
        self._total = total
        self._mapping = tuple(mapping)
        self._outcomes: Counter[str] = Counter()
        self._without_photo = 0
        self._with_photo = 0
        self.photo_problem = ""
        self.photo_hint = ""
        self.agreement: Agreement | None = None
        self.model = ""
        self._warnings: Counter[str] = Counter()
        self._has_crop: Counter[bool] = Counter()
        self._refinement = RefinementReport()
        self._start = time.monotonic()

    def count(self, entries: Iterable[Entry]) -> None:
        """Add entries that have been through every stage."""
        for entry in entries:
            self._outcomes[entry.outcome or "failed"] += 1
            self._without_photo += entry.is_without_photo
            self._with_photo += entry.has_photo and entry.outcome in ("embedded", "updated", "unchanged")
            if entry.failure is not None and entry.failure.step == "photo":
                self.photo_problem = self.photo_problem or entry.failure.reason
            self.photo_problem = self.photo_problem or entry.photo_problem
            self._warnings.update(map(self._bounded, entry.warnings))
            if entry.outcome == "embedded" and entry.grounded is not None:
                self._has_crop[entry.grounded.crop is not None] += 1
            if entry.outcome == "embedded" and entry.refined is not None:
                self._refinement.add([entry.refined])

    def _bounded(self, warning: str) -> str:
        """The warning, or one sentence for all the further ones where a run has too many to list."""
        is_listed = warning in self._warnings or len(self._warnings) < MAX_WARNINGS
        return warning if is_listed else "further notes of other kinds"

    def counts(self) -> dict[str, int]:
        """The counts a ledger keeps."""
        report = self.report()
        return {
            name: getattr(report, name)
            for name in ("read", "embedded", "updated", "unchanged", "failed", "deleted")
        }

    def report(self) -> IngestReport:
        """The state so far."""
        return IngestReport(
            read=self._outcomes.total(),
            embedded=self._outcomes["embedded"],
            updated=self._outcomes["updated"],
            unchanged=self._outcomes["unchanged"],
            duplicates=self._outcomes["duplicate"],
            failed=self._outcomes["failed"],
            without_photo=self._without_photo,
            with_photo=self._with_photo,
            photo_hint=self.photo_hint,
            agreement=self.agreement,
            model=self.model,
            deleted=self.deleted,
            seconds=time.monotonic() - self._start,
            total=self._total,
            warnings=dict(self._warnings),
            cropped=self._has_crop[True],
            grounded=self._has_crop.total(),
            refinement=self._refinement.as_dict() if self._refinement.items else {},
            prune_refused=self.prune_refused,
            mapping=self._mapping,
            photo_duplicates=self.photo_duplicates,
        )
