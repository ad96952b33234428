"""What of a backup is packed so far, and what is known of the moment it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vlclip.service.backup.archive import Sink
from vlclip.service.backup.parcel import Entry, Kind, pack


@dataclass(frozen=True, slots=True)
class Moment:
    """What was backed up: the engine's version, where, items by collection; how long writes waited."""

    engine: str
    store: str
    items: dict[str, int]
    seconds: float


@dataclass
class Staged:
    """Parcels that wait to become a backup."""

    sink: Sink
    progress: Callable[[int], None]
    entries: dict[str, Entry] = field(default_factory=dict)
    parcels: dict[str, Path] = field(default_factory=dict)
    count: int = 0

    def add(self, name: str, kind: Kind, file: Path, sums: tuple[int, int] | None = None) -> None:
        """Pack a file under the name that it has in the backup."""
        self.count += 1
        draft = self.sink.staging / f"parcel-{self.count}"
        size, digest, packed = pack(file, draft)
        self.entries[name] = Entry(name, kind, size, digest, packed, sums)
        self.parcels[digest] = draft
        self.progress(size)
