"""Killed at any moment and run again equals never killed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingestion.fakes import Shop
from vlclip.service.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
KILLED_SOON = """
import os, signal, sys, threading, time
from pathlib import Path
from vlclip.service.settings import Settings
from tests.ingestion.fakes import Shop

folder, source, delay = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
shop = Shop(folder, Settings.load(ingest={"batch": 2}))
threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
shop.embedder.before = lambda: time.sleep(0.01)
shop.ingest(source)
os._exit(0)
"""


def killed_until_done(shop, catalogue, dice, *, rounds):
    """How often it was killed before it got through; after `rounds` it is left alone."""
    for kills in range(rounds):
        delay = dice.uniform(0.0, 0.12)
        process = subprocess.run(
            [sys.executable, "-c", KILLED_SOON, str(shop.folder), str(catalogue), str(delay)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            timeout=300,
            check=False,
        )
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL
    return rounds


@pytest.mark.parametrize(
    "rounds", [pytest.param(3, id="some"), pytest.param(25, id="many", marks=pytest.mark.slow)]
)
def test_killed_anywhere_and_run_again_equals_never_killed(catalogue, tmp_path, rounds):
    settings = Settings.load(ingest={"batch": 2})
    calm = Shop(tmp_path / "calm", settings)
    calm.ingest(catalogue)
    dice = random.Random(rounds)
    for story in range(1 if rounds < 10 else 4):
        harried = Shop(tmp_path / f"harried-{story}", settings)
        killed_until_done(harried, catalogue, dice, rounds=rounds)
        assert harried.ingest(catalogue).failed == 0
        assert harried.points() == calm.points()
        assert harried.ingest(catalogue).embedded == 0
