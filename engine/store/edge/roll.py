"""The roll of a collection: the ids of its items, in a file apart from the engine's.

An engine whose own mapping of ids is cut opens as if there were fewer items. The roll names those that are
missing. Each write adds a line with its own checksum, after the engine has it; a process killed in between
leaves an item that is not on the roll, which is no damage.

    3f2a9c01 {"add": ["sku-1", "sku-2"]}
    77b0e211 {"remove": ["6a1c…"]}        uuids of points

Laws (tests/engine/store/test_roll.py):
- the ids are those that were added and not removed since, also after the file was made short;
- a line that was changed is noticed; one that a power cut left half written, at the end, is not an error.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from vlclip.engine.disk import whole_file
from vlclip.engine.item import point_id

FILE = "vlclip-roll.jsonl"
LINE_IDS = 1000
"""Ids in one line of a roll that was made short."""


class Roll:
    """The roll in the folder of a collection; whoever writes to the collection may write to it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    @property
    def exists(self) -> bool:
        """Collections of earlier versions have none until they are optimized."""
        return self._file.is_file()

    def add(self, ids: Iterable[str]) -> None:
        """Note that these items are in the collection."""
        self._append("add", list(ids))

    def remove(self, uuids: Sequence[str]) -> None:
        """Note that these points are not."""
        self._append("remove", list(uuids))

    def read(self) -> tuple[dict[str, str], int]:
        """The ids by uuid, and the number of lines that were changed by something else than this class."""
        return parse(self._file.read_bytes())

    def write(self, ids: Iterable[str]) -> None:
        """Replace the file by one with these ids, in one step."""
        with whole_file(self._file, "wb") as file:
            for part in _parts(ids):
                file.write(_line("add", part))

    def shorten(self) -> None:
        """Drop what later lines undo or repeat, unless a line is damaged: then it stays to be seen."""
        ids, wrong = self.read()
        if not wrong:
            self.write(ids.values())

    def _append(self, kind: str, names: list[str]) -> None:
        """One write of one line; nothing where there is no roll yet, which would be taken for a whole one."""
        if not names:
            return
        try:
            handle = os.open(self._file, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:
            return
        try:
            os.write(handle, _line(kind, names))
        finally:
            os.close(handle)


def parse(content: bytes) -> tuple[dict[str, str], int]:
    """What the content of a roll says; see `Roll.read`."""
    ids: dict[str, str] = {}
    wrong = 0
    lines = content.split(b"\n")
    for place, line in enumerate(lines):
        if not line:
            continue
        entry = _parsed(line)
        if entry is None:
            wrong += place < len(lines) - 1  # the last one has no end: a power cut left it
            continue
        kind, names = entry
        if kind == "add":
            ids.update((point_id(name), name) for name in names)
        else:
            for name in names:
                ids.pop(name, None)
    return ids, wrong


def _parts(ids: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for item_id in ids:
        part.append(item_id)
        if len(part) == LINE_IDS:
            yield part
            part = []
    if part:
        yield part


def _line(kind: str, names: list[str]) -> bytes:
    body = orjson.dumps({kind: names})
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _parsed(line: bytes) -> tuple[str, list[str]] | None:
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    ((kind, names),) = orjson.loads(body).items()
    return kind, names
