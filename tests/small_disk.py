"""A small disk that can really be filled."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MB = 2**20


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Where an empty disk of its own is mounted below `folder`; the test is skipped where none can be."""
    disk, image = folder / "disk", folder / "image"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(size_mb * MB)
    for command in (["mkfs.ext4", "-q", "-m", "0", image], ["mount", "-o", "loop", image, disk]):
        program = shutil.which(str(command[0]))
        if program is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs root, mkfs.ext4 and a loop device")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
