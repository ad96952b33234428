"""`benchmarks/kills`, which kills what works on one store again and again, with as many kills as fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.chaos
def test_of_a_shop_that_is_killed_again_and_again_nothing_is_lost_or_there_twice():
    run = subprocess.run(
        [sys.executable, "benchmarks/kills", "--kills", "1000", "--seconds", "45", "--seed", "3"],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-5000:] + run.stdout
    assert "lost: 0" in run.stdout
    assert "doubled: 0" in run.stdout
