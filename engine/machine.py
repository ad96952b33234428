"""What this machine, or the container, has."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_M_ARENA_MAX = -8
"""The option of glibc's `mallopt`."""
_MADV_PAGEOUT = 21
"""Advice to Linux that a range is not needed now; unlike other advice it never drops what was written."""


def cores_here() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Memory of the machine, or of the container if that is less."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(pages, int(text)) if text.isdigit() else pages


def resident_bytes() -> int:
    """Memory that this process has now; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.is_file() else 0


def limit_arenas(most: int) -> None:
    """Let the C library allocate from at most `most` pools of memory, unless MALLOC_ARENA_MAX says how many.

    glibc makes one for each thread, up to eight for each processor, and each keeps what was needed at most in
    it: the memory of a photo, say, as often as there are threads that ever decoded one. Call it before there
    are threads. Other C libraries have no such pools.
    """
    mallopt = None if "MALLOC_ARENA_MAX" in os.environ else _glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, most)


def page_out(folder: Path) -> None:
    """Give back the memory of mapped files below `folder`; what is read or written there later comes again.

    Nothing is lost by it, whatever lies there. Systems other than Linux (5.4 and later) keep the memory.
    """
    maps, madvise = Path("/proc/self/maps"), _glibc("madvise")
    if madvise is None or not maps.is_file():
        return
    below = f"{folder.resolve()}{os.sep}"
    for line in maps.read_text("utf-8", "surrogateescape").splitlines():
        span, *_, path = [*line.split(maxsplit=5), ""][:6]
        if path.startswith(below):
            start, end = (int(place, 16) for place in span.split("-"))
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_PAGEOUT)


def _glibc(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of the C library, None where it has none of that name."""
    if os.name != "posix":
        return None
    return getattr(ctypes.CDLL(None), name, None)
