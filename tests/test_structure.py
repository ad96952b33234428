"""Imports run one way, between folders too."""

from __future__ import annotations

from pathlib import Path

from benchmarks.structure import ROOMS, files, folder_imports

ROOT = Path(__file__).parents[1]


def test_no_two_folders_import_each_other():
    imports = folder_imports(ROOT, files(ROOT, ROOMS))
    assert imports
    assert not [(here, there) for here, there in imports if (there, here) in imports]
