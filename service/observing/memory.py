"""What the memory of this process is spent on.

The kernel says of every mapping how much of it is in memory. Qdrant Edge maps its files, so their names say
what the pages are; the model is what loading it took; the rest is Python's objects and what libraries take.

Laws (tests/service/observing/test_memory.py):
- the parts add up to what the kernel says of the whole process;
- a page of a store's file is of the part that its folder's name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SMAPS = Path("/proc/self/smaps")
PARTS = ("vectors", "graph", "words", "store", "model", "libraries", "python")
"""`store`: the other files of a store, payloads and indexes; `python`: objects, and what is allocated."""
_HEAD = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(?P<file>.*)")
_FOLDERS = (
    (re.compile(r"/vector_(storage|index)-words/"), "words"),
    (re.compile(r"/vector_storage-[^/]+/"), "vectors"),
    (re.compile(r"/vector_index-[^/]+/.*(quant|vectors)"), "vectors"),
    (re.compile(r"/vector_index-[^/]+/"), "graph"),
    (re.compile(r"/segments/"), "store"),
)


def memory_parts(model_bytes: int, lines: Iterable[str] | None = None) -> dict[str, int]:
    """Resident bytes by part; empty where the system does not say.

    `model_bytes` are those that loading the model took, of the memory that has no file.
    """
    if lines is None:
        if not SMAPS.is_file():
            return {}
        lines = SMAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    parts = dict.fromkeys(PARTS, 0)
    for file, resident in _mappings(lines):
        parts[_part(file)] += resident
    parts["model"] = min(model_bytes, parts["python"])
    parts["python"] -= parts["model"]
    return parts


def _mappings(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The file of each mapping, empty where it has none, and its resident bytes."""
    file = ""
    for line in lines:
        if line.startswith("Rss:"):
            yield file, int(line.split()[1]) * 1024
        elif match := _HEAD.fullmatch(line):
            file = match["file"]


def _part(file: str) -> str:
    for folder, part in _FOLDERS:
        if folder.search(file):
            return part
    return "libraries" if file.startswith("/") and "(deleted)" not in file else "python"
