"""Room on the disk of an embedded store, looked for before anything is written.

The engine maps its files into memory and makes them with holes. A write into a hole for which the disk has no
room ends the process (SIGBUS), and no error comes before it. So whatever writes asks here first: what it may
need must be free beside the reserve. Deletions make room in the end, so they may use three quarters of the
reserve, and so may opening.

Laws (tests/engine/store/test_full_disk.py):
- what is refused has not begun, whatever it is and however much is free, and it says what it would need;
- what is smaller than what was allowed is allowed;
- deletions go on where writes are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from vlclip.engine.disk import free_bytes
from vlclip.engine.errors import StoreFull
from vlclip.engine.store.backend import PointRow, RevisedRow

MB = 2**20
RESERVE_BYTES = 64 * MB
"""Room left on the disk, unless the setting `disk_reserve_mb` says otherwise."""
NEW_SHARD_BYTES = 48 * MB
"""What an empty collection takes."""
INDEX_BYTES = 8 * MB
"""What the index of a field takes before it holds a value."""
VALUE_BYTES = 256
"""What an index takes for a point, at most in the mean."""
ROW_BYTES = 2048
"""What a point takes beside its vector and payload: journal, ids, words."""
COPIES = 3
"""How often a written byte lies on the disk for a while: journal, segment, index."""
DELETED_BYTES = 256
"""What the deletion of a point takes."""
TELLING = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "overlay"})
"""File systems of which it is known that a write through a memory map changes a file's time at once."""


@dataclass(frozen=True, slots=True)
class Room:
    """The disk of a collection's folder; `free` gives the bytes left there, and tests pass another."""

    folder: Path
    reserve: int = RESERVE_BYTES
    free: Callable[[Path], int] = free_bytes

    def check(self, need: int, act: str) -> None:
        """`StoreFull` unless `need` bytes are free beside the reserve; `act` says what needs them."""
        self._check(need, self.reserve, act)

    def check_floor(self, need: int, act: str) -> None:
        """The same for what may use most of the reserve."""
        self._check(need, self.reserve // 4, act)

    def has(self, need: int) -> bool:
        """Whether `need` bytes are free beside the reserve."""
        return self.free(self.folder) >= self.reserve + need

    def _check(self, need: int, reserve: int, act: str) -> None:
        free = self.free(self.folder)
        if free < reserve + need:
            raise StoreFull(
                f"the disk of {self.folder} is too full to {act}: {free / MB:,.0f} MB are free, and "
                f"{(reserve + need) / MB:,.0f} MB are needed, {reserve / MB:,.0f} MB of them as a reserve "
                "(setting disk_reserve_mb); nothing was changed: make room there, or move the store to a "
                "larger disk, and run the same command again"
            )


def filled_holes(folder: Path) -> int:
    """Bytes that reading a collection may take: in memory (tmpfs) holes that are read are filled."""
    if _kind(folder) != "tmpfs":
        return 0
    files = [entry.stat() for entry in folder.rglob("*") if entry.is_file()]
    return sum(max(0, file.st_size - 512 * file.st_blocks) for file in files)


def tells_times(folder: Path) -> bool:
    """Whether the disk notes a time when a file is written through a memory map; one in memory does not."""
    return _kind(folder) in TELLING


def _kind(folder: Path) -> str:
    """The file system that the folder lies on, as far as the system tells: "ext4", "tmpfs"."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    except OSError:  # no Linux
        return ""
    mounts = [line.partition(" - ") for line in lines]
    return next((tail.split()[0] for head, _, tail in mounts if head.split()[2] == number), "")


def size_of_copy(collection: Path, longer: float = 1) -> int:
    """Bytes that a collection of the same items may take, and the building of its graph.

    `longer` is how many times as long its vectors are.
    """
    segments = sum(512 * entry.stat().st_blocks for entry in (collection / "segments").rglob("*"))
    return NEW_SHARD_BYTES + int(2 * max(1, longer) * segments)


def size_of_rows(rows: Sequence[PointRow], size: int) -> int:
    """Bytes that points with vectors of `size` numbers may take."""
    return COPIES * sum(4 * size + ROW_BYTES + _payload_bytes(row.payload) for row in rows)


def size_of_revised(rows: Sequence[RevisedRow], size: int) -> int:
    """Bytes that changed payloads may take: the engine moves a changed point, vector and all."""
    return COPIES * sum(4 * size + ROW_BYTES + _payload_bytes(row.payload) for row in rows)


def _payload_bytes(payload: object) -> int:
    return len(
        orjson.dumps(payload, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    )
