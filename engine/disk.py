"""Full disks, told from other errors in one place, and files and folders that appear whole or not at all.

What is written lies beside its place, under a hidden name, until it is whole. A killed process leaves that,
and the next one that writes to the same place removes it.

Laws (tests/engine/test_disk.py, tests/service/test_killed_writers.py):
- a file or folder that cannot be written whole is left as it was, and nothing lies beside it;
- a writer that is killed at any step leaves what was there or the whole; of a folder that is replaced, maybe
  nothing;
- whatever the system, SQLite or a library says of a full disk becomes one `DiskFull`, which names the file;
- an I/O error on a disk that has room, or one of reading, is never said to be a full disk.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
WRITING = frozenset({
    f"SQLITE_IOERR_{what}" for what in ("SHMSIZE", "SHMMAP", "WRITE", "FSYNC", "DIR_FSYNC", "TRUNCATE")
})  # fmt: skip
"""SQLite's errors of writing to a disk; that one is damaged is said by others, too."""
SQLITE_BYTES = 32 * 1024
"""What SQLite needs beside a database to open it."""
LEFT_S = 3600
"""A draft that nobody has written to for so long, in seconds, is one of a process that was killed."""
DRAFT = re.compile(r"\.[0-9a-f]{8}\.part(-wal|-shm)?")
"""How the name of a draft goes on after that of its file, with what SQLite has beside one."""


def is_full(error: BaseException | None, path: Path | None = None) -> bool:
    """Whether an error, or one that led to it, says that a disk is full.

    SQLite says "disk I/O error" where it has no room for its own files beside a database: with the `path` of
    that, its disk is asked.
    """
    met: set[int] = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if isinstance(error, sqlite3.Error):
            name = getattr(error, "sqlite_errorname", "")
            if name == "SQLITE_FULL" or (
                path is not None and name in WRITING and free_bytes(path) < SQLITE_BYTES
            ):
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
        if is_full(error, Path(path)):
            raise full(path) from error
        raise


@contextmanager
def whole_file(path: Path, mode: str = "w", *, synced: bool = True) -> Iterator[IO[Any]]:
    """A handle whose content becomes the file `path` once all of it is on the disk; "w" is text in UTF-8.

    It is written beside, under another name, which is gone whatever happens. `DiskFull` without room. Not
    `synced`, it may be empty after a power cut, and what killed processes left stays: for many small files
    that can be made again.
    """
    with (
        draft_of(path, sweeps=synced) as draft,
        draft.open(mode, encoding=None if "b" in mode else "utf-8") as handle,
    ):
        yield handle
        handle.flush()
        if synced:
            os.fsync(handle.fileno())


@contextmanager
def draft_of(path: Path, *, sweeps: bool = True) -> Iterator[Path]:
    """A path beside `path` for a library to write to; renamed to it at the end, deleted on an error."""
    if sweeps:
        _sweep(path)
    draft = _beside(path)
    try:
        with full_disks(path):
            yield draft
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes `folder` at the end, in place of what is there; gone on an error.

    Parents are made. Ask `why_not_replaced` first: what was there is deleted. `DiskFull` without room.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    draft, former = _beside(folder), _beside(folder)
    try:
        with full_disks(folder):
            draft.mkdir()
            yield draft
            for entry in (*draft.rglob("*"), draft):
                sync(entry)
            _exchange(folder, draft, former)
    finally:
        for left in (draft, former):
            shutil.rmtree(left, ignore_errors=True)


def why_not_replaced(folder: Path, own: str = "") -> str:
    """Why a folder cannot be replaced by a new one, as a sentence after its name; "" where it can.

    It may not be there yet, or be empty, or hold nothing but files whose names match the expression `own`.
    """
    if folder.exists() and not folder.is_dir():
        return "is a file; give a new folder"
    if folder.is_mount():
        return "is a disk of its own; give a new folder in it"
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if all(re.fullmatch(own, entry.name) and entry.is_file() for entry in entries):
        return ""
    return "is not empty; give a new folder"


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


def _beside(path: Path) -> Path:
    """A hidden name for a draft."""
    return path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:8]}.part")


def _sweep(path: Path) -> None:
    """Remove drafts of killed processes."""
    start, since = f".{path.name[:200]}", time.time() - LEFT_S
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith(start) and DRAFT.fullmatch(entry.name, len(start)):
                left = Path(entry.path)
                if max(each.lstat().st_mtime for each in (left, *left.rglob("*"))) < since:
                    shutil.rmtree(left) if entry.is_dir(follow_symlinks=False) else left.unlink()


def _exchange(folder: Path, draft: Path, former: Path) -> None:
    """Let a draft be the folder; `former` is where the one that it replaces goes."""
    was_there = folder.exists()
    if was_there:
        folder.rename(former)
    try:
        draft.rename(folder)
    except OSError:
        if was_there:
            former.rename(folder)
        raise
    sync(folder.parent)
