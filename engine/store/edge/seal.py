"""Checksums of the files of a collection, in a file beside them.

Files that the engine never changes once it has made them (vectors, short forms and graph of a built
segment, the index of words) are sealed when they are built. All others are sealed when the collection is
closed, and the seal is broken when it is opened again. So after a good end every file can be compared with
what was written, and after a bad one those of the first kind.

A checksum is taken over the blocks that are not all zeros, so a copy with or without holes has the same.
Of a collection that was only read, files that the system calls untouched keep the checksums they had.

Laws (tests/engine/store/test_seal.py):
- a collection that was closed has no file that differs from its seal; one changed byte anywhere is named;
- an engine at work changes no file of the first kind, whatever is written, patched and deleted;
- a collection that was only read keeps the checksums of untouched files, so damage done meanwhile is found.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from vlclip.engine.disk import write_whole
from vlclip.engine.store.edge.room import tells_times

FILE = "vlclip-seal.json"
RECENT_S = 2
"""How long a file has to be left alone before its time tells whether it was touched since."""
NOT_SEALED = frozenset({FILE, "open.lock", "vlclip-roll.jsonl"})
LASTING = frozenset(
    {"matrix.dat", "quantized.data", "links_compressed.bin", "links.bin", "inverted_index.dat"}
)
"""Names of files that the engine (0.9.0) makes whole and never changes."""
SHORT_FORMS = "quantized.data"
"""Name of the files that the engine copies to memory when it loads."""
GLANCE_BYTES = 32 * 2**20
"""How much a glance reads at most."""
BLOCK = 64 * 1024
_ZEROS = bytes(BLOCK)
Sums = dict[str, list[int]]
"""Size and checksum of files, by their paths in the collection's folder."""
Marks = dict[str, tuple[list[int], tuple[int, ...]]]
"""Size and checksum of files, and by what the system tells that they were not touched since."""


def blocks(handle: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The blocks of a file that are not all zeros, each with its place; holes are not read."""
    descriptor = handle.fileno()
    size, place = os.fstat(descriptor).st_size, 0
    while place < size:
        if hasattr(os, "SEEK_DATA"):
            try:
                place = os.lseek(descriptor, place, os.SEEK_DATA) // BLOCK * BLOCK
            except OSError:  # no data until the end
                return
        handle.seek(place)
        block = handle.read(BLOCK)
        if not block:
            return
        if block != _ZEROS[: len(block)]:
            yield place, block
        place += len(block)


def file_sum(file: Path) -> list[int]:
    """Size and checksum of a file."""
    total = 0
    with file.open("rb") as handle:
        for place, block in blocks(handle):
            total = zlib.crc32(block, zlib.crc32(place.to_bytes(8, "little"), total))
        return [os.fstat(handle.fileno()).st_size, total]


def files(folder: Path) -> dict[str, Path]:
    """The files of a collection by their paths in its folder."""
    return {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in NOT_SEALED and not file.name.startswith(".")
    }


def seal(folder: Path, *, closed: bool, unwritten: Marks | None = None) -> None:
    """Write down the checksums: of all files of a closed collection, else of those that do not change.

    `unwritten` is what `break_seal` gave, if nothing was written since.
    """
    unwritten = unwritten or {}
    lasting, _ = read(folder)
    present = files(folder)
    lasting = {name: sums for name, sums in lasting.items() if name in present}
    lasting |= {
        name: file_sum(file) for name, file in present.items() if file.name in LASTING and name not in lasting
    }
    others = (
        {name: _sum(file, unwritten.get(name)) for name, file in present.items() if name not in lasting}
        if closed
        else {}
    )
    _write(folder, lasting, others)


def break_seal(folder: Path) -> Marks:
    """Forget the checksums of the files that may change from now on.

    Gives those of files that a later touch can be told of, for the next `seal`. A file that was written just
    now is none: the next write may have the same time.
    """
    lasting, others = read(folder)
    if not others:
        return {}
    _write(folder, lasting, {})
    if not tells_times(folder):
        return {}
    present, before = files(folder), time.time_ns() - 10**9 * RECENT_S
    touches = {name: _touch(present[name]) for name in others.keys() & present.keys()}
    return {name: (others[name], touch) for name, touch in touches.items() if touch[-1] < before}


def _sum(file: Path, mark: tuple[list[int], tuple[int, ...]] | None) -> list[int]:
    return mark[0] if mark and mark[1] == _touch(file) else file_sum(file)


def _touch(file: Path) -> tuple[int, ...]:
    state = file.stat()
    return state.st_ino, state.st_size, state.st_ctime_ns, state.st_mtime_ns


def read(folder: Path) -> tuple[Sums, Sums]:
    """The checksums of lasting files, and of the others; empty where there are none."""
    try:
        form = json.loads((folder / FILE).read_text("utf-8"))
        return dict(form["lasting"]), dict(form["others"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}, {}


def is_closed(folder: Path) -> bool:
    """Whether the process that had the collection open last closed it."""
    return bool(read(folder)[1])


def differences(folder: Path, progress: Callable[[int], None] = lambda _: None) -> list[str]:
    """What is wrong with the files that are sealed, a sentence each; `progress` gets the bytes compared."""
    lasting, others = read(folder)
    if (folder / FILE).is_file() and not lasting and not others and not _is_whole(folder):
        return [f"{FILE} cannot be read"]
    present, wrong = files(folder), []
    for name, (size, checksum) in (lasting | others).items():
        if name not in present:
            segment = folder.joinpath(*name.split("/")[:2])
            if name in others or segment.is_dir():  # a segment that was replaced goes as a whole
                wrong.append(f"{name} is missing")
            continue
        now = file_sum(present[name])
        if now[0] != size:
            wrong.append(f"{name} has {now[0]:,} bytes, {size:,} were written")
        elif now[1] != checksum:
            wrong.append(f"{name} is not what was written")
        progress(size)
    if others:
        wrong += [f"{name} does not belong to it" for name in present if name not in lasting | others]
    return wrong


def glance(folder: Path) -> list[str]:
    """The same without reading large files: all sizes, and the checksums of the small ones."""
    lasting, others = read(folder)
    wrong, left = [], GLANCE_BYTES
    for name, (size, checksum) in sorted((lasting | others).items(), key=lambda entry: entry[1][0]):
        file = folder / name
        if not file.is_file():
            continue
        if (now := file.stat().st_size) != size:
            wrong.append(f"{name} has {now:,} bytes, {size:,} were written")
        elif size <= left:
            left -= size
            if file_sum(file)[1] != checksum:
                wrong.append(f"{name} is not what was written")
    return wrong


def read_ahead(folder: Path) -> None:
    """Read what the engine is about to copy to memory, so that the system has it.

    The engine (0.9.0) gives these pages back to the system when it closes, and when it loads reads them
    through a memory map, page by page, which takes over ten times as long.
    """
    part = bytearray(2**20)
    for file in folder.glob(f"segments/*/*/{SHORT_FORMS}"):
        with file.open("rb", buffering=0) as handle:
            while handle.readinto(part):
                pass


def _is_whole(folder: Path) -> bool:
    try:
        form = json.loads((folder / FILE).read_text("utf-8"))
        return isinstance(form["lasting"], dict) and isinstance(form["others"], dict)
    except (ValueError, KeyError, TypeError):
        return False


def _write(folder: Path, lasting: Sums, others: Sums) -> None:
    write_whole(folder / FILE, json.dumps({"lasting": lasting, "others": others}))
