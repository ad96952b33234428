"""The memory that decoding takes, as the operating system sees it: C libraries allocate past Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vlclip.engine.photos.room import Limits

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
SLACK = 6_000_000
"""Bytes: what allocators round up, and what libraries keep from their first photo on."""
RETAINED_BYTES = 8_000_000
"""Bytes that the C library keeps for a thread that has decoded a photo."""
CHILD = """
import sys
from tests.engine.photos.kinds import kinds
from vlclip.engine.photos import decoding
from vlclip.engine.photos.room import Limits

def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

estimates, estimate = [], decoding.decoding_bytes
decoding.decoding_bytes = lambda *args: estimates.append(estimate(*args)) or estimates[-1]
for _, data in kinds(64, 64):
    decoding.decode(data, Limits())
for kind, data in kinds(int(sys.argv[1]), int(sys.argv[2])):
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    decoding.decode(data, Limits(memory_bytes=10**10))
    print(kind, status("VmHWM") - before, estimates[-1], sep=";")
"""


def measured(width, height):
    command = [sys.executable, "-c", CHILD, str(width), str(height)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    for line in child.stdout.splitlines():
        kind, peak, estimate = line.split(";")
        yield kind, int(peak), int(estimate)


def check(width, height):
    peaks = list(measured(width, height))
    assert len(peaks) > 40
    assert [peak for peak in peaks if peak[1] > peak[2] + SLACK] == []


def test_no_kind_of_photo_takes_more_than_was_said_of_its_header():
    check(800, 700)


@pytest.mark.chaos
def test_nor_does_a_large_one():
    check(2100, 2010)


THREADS = """
import resource, sys, threading
from io import BytesIO
from PIL import Image
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits

side, count, budget, limited = map(int, sys.argv[1:])

def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

file, limits, failures = BytesIO(), Limits(memory_bytes=budget, wait_s=500), []
Image.new("RGBA", (side, side), "red").save(file, "PNG", compress_level=1)
Image.new("RGBA", (9, 9), "red").save(small := BytesIO(), "PNG")
decode(small.getvalue(), limits)

def work():
    try:
        decode(file.getvalue(), limits)
    except Exception as error:
        failures.append(repr(error))
    if not limited:
        done.wait()  # a thread that ends would hand its memory on

done = threading.Barrier(count + 1)
threading.stack_size(1 << 18)
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
if limited:
    most = status("VmSize") + budget + 20_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
threads = [threading.Thread(target=work) for _ in range(count)]
for thread in threads:
    thread.start()
if not limited:
    done.wait()
for thread in threads if limited else ():
    thread.join()
print(status("VmHWM") - before, status("VmRSS") - before, failures)
"""


def by_threads(side, count, budget, *, limited=False):
    """The most memory and what is left of it, in bytes, and what failed: photos of a thread each."""
    command = [sys.executable, "-c", THREADS, *map(str, (side, count, budget, int(limited)))]
    environment = {**os.environ, **({"MALLOC_ARENA_MAX": "1"} if limited else {})}
    child = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert child.returncode == 0, child.stderr
    peak, left, failures = child.stdout.split(maxsplit=2)
    return int(peak), int(left), failures.strip()


@pytest.mark.parametrize(("side", "count", "budget"), [(3600, 6, 130_000_000)])
def test_threads_together_take_no_more_than_the_budget_and_keep_nothing(side, count, budget):
    peak, left, failures = by_threads(side, count, budget)
    assert failures == "[]"
    assert peak < budget + SLACK + count * RETAINED_BYTES
    assert left < SLACK + count * RETAINED_BYTES


def test_photos_that_do_not_fit_together_are_all_decoded_where_memory_ends():
    assert by_threads(2600, 10, 80_000_000, limited=True)[2] == "[]"


@pytest.mark.chaos
def test_ten_photos_of_49_million_pixels_stay_below_600_mb():
    peak, _, failures = by_threads(7000, 10, Limits().memory_bytes)
    assert failures == "[]"
    assert peak < 600_000_000
    assert by_threads(7000, 10, Limits().memory_bytes, limited=True)[2] == "[]"
