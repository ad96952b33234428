"""One catalogue row on its way to the store, and what became of it.

Laws:
- an entry ends in exactly one way: failed, duplicate, unchanged, updated or embedded;
- every stage passes a failed entry on, unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vlclip.engine.grounding.grounder import Detection
from vlclip.engine.grounding.rule import Crop
from vlclip.engine.item import Item
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.space import Floats

FailureStep = Literal["read", "photo", "embed", "service"]
"""Where an item can fail: reading its row, getting its photo, making its vector, a service it is sent to."""


@dataclass(frozen=True, slots=True)
class GroundedPhoto:
    """The product that the grounder found and the crop of it; without a crop the whole photo is embedded.

    `size` is the width and height of the decoded photo; boxes are in its pixels.
    """

    detection: Detection | None
    crop: Crop | None
    size: tuple[int, int]


Outcome = Literal["duplicate", "unchanged", "updated", "embedded"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item is not in the store: the step that refused it and a reason for people.

    `of_row` says that only the row is at fault; another row holds the item that its id names. `passing` says
    that nothing is wrong with the item: it may succeed when it is sent again.
    """

    step: FailureStep
    reason: str
    of_row: bool = False
    passing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: where it came from, its item once read, and what the stages added.

    `row` is the line of a CSV or JSONL file, the position from 1 in Parquet and JSON arrays.
    `id` is known even when the rest of the row is not usable. `grounded` is None where no
    grounder saw the photo. `data` are the photo's bytes, for a refiner that sees. `photo` is
    `(3, height, width)`, `vector` is `(size,)` float32. `photo_hash` is that of the whole photo, "" where the
    photo shows nothing. `warnings` are sentences without values, to be counted. A row is `doubtful` if a cell
    of it may hold other rows. `photo_problem` says why an item is without its photo; `has_photo` that its
    photo is in the vector. `photo_version` is how the server of its photo names its version. `stored_hash` is
    the hash of the content that the stored vector was made from, where this run would have made it in the
    same way.
    """

    source: str
    row: int
    id: str = ""
    item: Item | None = None
    warnings: tuple[str, ...] = ()
    doubtful: bool = False
    content_hash: str = ""
    grounded: GroundedPhoto | None = None
    data: bytes | None = None
    refined: Refined | None = None
    photo: Floats | None = None
    photo_hash: str = ""
    vector: Floats | None = None
    failure: Failure | None = None
    outcome: Outcome | None = None
    photo_problem: str = ""
    has_photo: bool = False
    is_stored_with_photo: bool = False
    photo_version: str = ""
    stored_hash: str = ""

    @classmethod
    def of(
        cls, item: Item, source: str, row: int, warnings: tuple[str, ...] = (), *, doubtful: bool = False
    ) -> Entry:
        """An item with the hash of its content, where the photo of a file or URL counts by its name."""
        try:
            content_hash = item.content_hash()
        except UnicodeEncodeError:
            entry = cls(source=source, row=row, id=item.id, doubtful=doubtful)
            return entry.failed("read", "the text holds half a character (a lone surrogate); correct it")
        return cls(
            source=source,
            row=row,
            id=item.id,
            item=item,
            warnings=warnings,
            doubtful=doubtful,
            content_hash=content_hash,
        )

    @property
    def pending(self) -> bool:
        """Whether a later stage still has work to do on it."""
        return self.failure is None and self.outcome is None

    @property
    def is_to_save(self) -> bool:
        """Whether its point is to be written: all of it, or of an updated one the fields."""
        return self.pending or self.outcome == "updated"

    @property
    def is_without_photo(self) -> bool:
        """Whether the store holds it with its words alone, since its photo could not be read."""
        return bool(self.photo_problem) and self.outcome in ("embedded", "updated", "unchanged")

    @property
    def pending_item(self) -> Item:
        """The item of an entry that is pending, which always has one."""
        if self.item is None:
            raise AssertionError("a pending entry has an item")
        return self.item

    @property
    def image(self) -> bytes | str:
        """The item's photo as the catalogue gives it: bytes, path or URL; empty where there is none."""
        return (self.item.image if self.item else None) or b""

    @property
    def weight(self) -> int:
        """Bytes of the photo it carries, for cutting batches."""
        return len(self.image) if isinstance(self.image, bytes) else 0

    def failed(self, step: FailureStep, reason: str, *, of_row: bool = False, passing: bool = False) -> Entry:
        """The same row with a failure, no outcome, and without the arrays it no longer needs."""
        failure = Failure(step, reason, of_row, passing)
        return replace(self, failure=failure, outcome=None, photo=None, vector=None, data=None)


Batch = list[Entry]
