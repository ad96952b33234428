"""A restore, a repair or a reindex that is killed at any step leaves something whole and is done again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.service.killed_steps import ACTS

MEMORY = Path("/dev/shm")
"""A disk in memory: the order of the steps is looked at here, and a real disk's syncs take minutes."""


def has_room(disk: Path) -> bool:
    return disk.is_dir() and shutil.disk_usage(disk).free > 3 * 2**30


@pytest.mark.chaos
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is a fork here")
@pytest.mark.parametrize("act", [*ACTS, "reindex"])
def test_killed_at_any_step_it_can_be_done_again(act: str, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if has_room(MEMORY) else tmp_path) as folder:
        module = ["killed_reindex"] if act == "reindex" else ["killed_steps", act]
        command = [sys.executable, "-m", f"tests.service.{module[0]}", *module[1:], folder]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    answer = json.loads(run.stdout.splitlines()[-1])
    assert answer["wrong"] == []
    assert answer["steps"] > 3
