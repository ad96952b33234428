"""The memory that decoding takes, as the operating system sees it: C libraries allocate past Python."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
SLACK = 6_000_000
"""Bytes: what allocators round up, and what libraries keep from their first photo on."""
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
    check(2600, 2500)
