"""Laws of `engine/machine.py`."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from vlclip.engine.machine import page_out
from vlclip.engine.store.edge.room import tells_times

POOLS = """
import ctypes, os, sys, tempfile, threading
from vlclip.engine.machine import limit_arenas

limit_arenas(int(sys.argv[1]))
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
together = threading.Barrier(8)


def allocate():
    together.wait()
    libc.malloc(ctypes.c_size_t(1000))
    together.wait()


threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fdopen(os.dup(file.fileno()), b"w"))
    libc.malloc_info(0, stream)
    libc.fflush(stream)
    print(open(file.name).read().count("<heap nr="))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_info"),
    reason="this C library has no pools",
)
@pytest.mark.parametrize(("setting", "counts"), [("", range(1, 4)), ("6", range(4, 7))])
def test_the_c_library_has_so_many_pools_of_memory_unless_the_environment_says_how_many(setting, counts):
    environment = {"PYTHONPATH": ":".join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    if setting:
        environment["MALLOC_ARENA_MAX"] = setting
    run = subprocess.run(
        [sys.executable, "-c", POOLS, "3"], env=environment, capture_output=True, text=True, check=True
    )
    assert int(run.stdout) in counts


def resident_kb(file: Path) -> int:
    """How much of a mapped file this process has in memory."""
    maps = Path("/proc/self/smaps").read_text().split(str(file))
    return sum(int(part.split("Rss:")[1].split()[0]) for part in maps[1:])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes memory back so")
def test_what_is_paged_out_is_as_it_was_written_and_takes_no_memory(tmp_path):
    inside, outside = tmp_path / "wal" / "a file", tmp_path / "wal2"
    inside.parent.mkdir()
    views = []
    for file in (inside, outside):
        file.write_bytes(bytes(2**20))
        with file.open("r+b") as handle:
            views.append(mmap.mmap(handle.fileno(), 0))
        views[-1][:] = b"x" * 2**20
    views[0].flush()
    before = resident_kb(outside)
    page_out(inside.parent)
    assert resident_kb(outside) == before
    if tells_times(tmp_path):  # else it may be a disk in memory
        assert resident_kb(inside) < 1024
    assert bytes(views[0]) == bytes(views[1]) == b"x" * 2**20
    views[0][0:1] = b"y"
    page_out(inside.parent)
    assert views[0][0:2] == b"yx"
    for view in views:
        view.close()
    assert inside.read_bytes()[:2] == b"yx"
