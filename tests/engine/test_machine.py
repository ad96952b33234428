"""Laws of `engine/machine.py`."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

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
