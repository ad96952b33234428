"""A writer of a model, a folder or a report that is killed leaves what was there, or the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.service.test_killed_steps import MEMORY, has_room


@pytest.mark.chaos
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is a fork here")
def test_killed_at_any_step_it_leaves_what_was_there_or_the_whole(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if has_room(MEMORY) else tmp_path) as folder:
        command = [sys.executable, "-m", "tests.service.killed_writers", folder]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    answer = json.loads(run.stdout.splitlines()[-1])
    assert answer["wrong"] == []
    assert all(steps > 3 for steps in answer["steps"].values())
