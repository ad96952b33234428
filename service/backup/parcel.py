"""Files as parcels: only the blocks that are not all zeros, named by the hash of it.

The engine reserves files of 32 MB of which little is used; a parcel of one is as large as what is used.

    parcel = (place: uint64, length: uint32, bytes)…

Law (tests/service/backup/test_parcel.py): an unpacked parcel is the file that was packed, byte for byte.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from vlclip.engine.store.edge.seal import blocks
from vlclip.service.backup.errors import BackupError

_HEAD = struct.Struct("<QI")
Kind = Literal["store", "database", "file", "snapshot"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup: its path in the store, its size, and the parcel that holds it.

    `seal` is what the engine's seal says of a file that never changes: the same seal, the same parcel.
    """

    name: str
    kind: Kind
    size: int
    parcel: str
    packed: int
    seal: tuple[int, int] | None = None


def pack(file: Path, target: Path) -> tuple[int, str, int]:
    """Write the parcel of a file; the file's size, the parcel's hash and the parcel's size."""
    digest, packed = hashlib.sha256(), 0
    with file.open("rb") as source, target.open("wb") as out:
        size = file.stat().st_size
        for place, block in blocks(source):
            head = _HEAD.pack(place, len(block))
            digest.update(head)
            digest.update(block)
            out.write(head)
            out.write(block)
            packed += len(head) + len(block)
    return size, digest.hexdigest(), packed


def unpack(source: BinaryIO, entry: Entry, target: Path) -> None:
    """Write the file of a parcel; `BackupError` if the parcel is not what was packed."""
    digest, left = hashlib.sha256(), entry.packed
    with target.open("wb") as out:
        while left:
            head = source.read(_HEAD.size)
            if len(head) != _HEAD.size:
                raise damaged(entry)
            place, length = _HEAD.unpack(head)
            if place + length > entry.size or length > left - len(head):
                raise damaged(entry)
            block = source.read(length)
            if len(block) != length:
                raise damaged(entry)
            digest.update(head)
            digest.update(block)
            out.seek(place)
            out.write(block)
            left -= len(head) + length
        out.truncate(entry.size)
    if digest.hexdigest() != entry.parcel:
        raise damaged(entry)


def damaged(entry: Entry) -> BackupError:
    """The error for a parcel that does not have its checksum."""
    return BackupError(
        f"the backup is damaged: {entry.name} in it is not what was written; nothing was restored, take "
        "another backup"
    )
