"""Full disks, told from other errors in one place, and files that appear whole or not at all.

Laws (tests/engine/test_disk.py):
- a file that cannot be written whole is left as it was, and nothing lies beside it;
- whatever the system, SQLite or a library says of a full disk becomes one `DiskFull`, which names the file.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import IO, Any

from vlclip.engine.errors import DiskFull, StoreFull

FULL = frozenset({ENOSPC, EDQUOT, EFBIG})
"""What the system says where there is no room: on the disk, in a quota, under a limit on files."""
SIGNS = (
    "os error 28",
    "os error 122",
    "No space left",
    "Not enough space",
    "Disk quota exceeded",
    "disk is full",
)
"""What libraries make of it, that tell of it in words alone."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that a disk is full."""
    met: set[int] = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            return True
        if any(sign in str(error) for sign in SIGNS):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def free_bytes(path: Path) -> int:
    """Bytes left for this process on the disk of `path`, or of the folder it would be made in."""
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free


def full(path: Path | str) -> DiskFull:
    """The error for a file that found no room."""
    return DiskFull(
        f"the disk of {path} is full, so it was not written; make room there, or choose another disk, and "
        "run the same command again"
    )


@contextmanager
def full_disks(path: Path | str) -> Iterator[None]:
    """Turn whatever says that the disk is full into `DiskFull`; other errors go on as they are."""
    try:
        yield
    except (DiskFull, StoreFull):
        raise
    except Exception as error:
        if is_full(error):
            raise full(path) from error
        raise


@contextmanager
def whole_file(path: Path, mode: str = "w", *, synced: bool = True) -> Iterator[IO[Any]]:
    """A handle whose content becomes the file `path` once all of it is on the disk; "w" is text in UTF-8.

    It is written beside, under another name, which is gone whatever happens. `DiskFull` without room. Not
    `synced`, it may be empty after a power cut: for many small files that can be made again.
    """
    with draft_of(path) as draft, draft.open(mode, encoding=None if "b" in mode else "utf-8") as handle:
        yield handle
        handle.flush()
        if synced:
            os.fsync(handle.fileno())


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A path beside `path` for a library to write to; renamed to it at the end, deleted on an error."""
    draft = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:8]}.part")
    try:
        with full_disks(path):
            yield draft
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes, *, synced: bool = True) -> None:
    """Replace a file by `content`, text in UTF-8 or bytes, in one step."""
    with whole_file(path, "wb", synced=synced) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    if os.name == "nt" and path.is_dir():  # directories cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
