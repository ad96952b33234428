"""Whatever people do on a full disk ends in a sentence, and leaves no half of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_disk import small_disk

WHOLE = (".jpg", "lookup.json", "vectors.npz")
"""Files that an act may have finished before another one found no room."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of its own; skipped where none can be mounted."""
    with small_disk(tmp_path, 500) as mounted:
        yield mounted


@pytest.mark.chaos
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_every_act_on_a_full_disk_ends_in_a_sentence_and_leaves_no_half_of_a_file(disk: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    command = [sys.executable, "-m", "tests.service.commands.full_disk_acts", str(disk), str(outside)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    refused = 0
    for answer in answers:
        text = answer["text"]
        assert answer["status"] in (0, 1), answer
        assert "Traceback" not in text, text
        assert answer["missing"] == [], answer
        if answer["act"] == "serve":
            assert " 500 " not in text, text
            assert " 507 store-full" in text, text
        elif answer["status"] == 1:
            refused += 1
            assert any(word in text for word in ("full", "room", "free its disk")), text
            assert all(name.endswith(WHOLE) for name in answer["new"]), answer
    assert refused > 15
    assert "ok   items" in answers[-1]["text"], answers[-1]
