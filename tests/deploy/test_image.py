"""What is taken out of an image, and that nothing of it is used."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from deploy import image
from tests.blocked import without
from tests.test_light import EXTRAS

PACKAGES = Path(sysconfig.get_path("purelib"))


def test_no_command_imports_what_is_taken_out():
    program = """
import json, sys
print(json.dumps([str(getattr(module, "__file__", "")) for module in list(sys.modules.values())]))
"""
    words = [sys.executable, "-c", without(EXTRAS) + image.IMPORTS + program]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    files = [Path(file) for file in json.loads(ended.stdout)]
    assert any(PACKAGES / "scipy" in file.parents for file in files)
    folders = set(image.unused(PACKAGES))
    assert folders
    assert not [file for file in files if folders.intersection(file.parents)]


def test_what_is_taken_out_is_what_packages_bring_for_their_own_tests(tmp_path):
    used = ["numpy/_core.py", "tests/own.py", "vlclip/tests/own.py", "torch/testing/__init__.py"]
    unused = ["numpy/tests/data/a.npy", "scipy/stats/tests/test_a.py", "torch/test/a", "torch/include/b.h"]
    for name in used + unused:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    image.slim(tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == sorted(used)


@pytest.mark.skipif(shutil.which("strip") is None, reason="needs binutils")
def test_libraries_without_tables_of_symbols_still_load(tmp_path):
    folder = PACKAGES / "tokenizers"
    shutil.copytree(folder, tmp_path / "tokenizers")
    (before,) = folder.glob("*.abi3.so")
    image.slim(tmp_path)
    (after,) = (tmp_path / "tokenizers").glob("*.abi3.so")
    assert after.stat().st_size < before.stat().st_size
    program = "import tokenizers; print(tokenizers.__file__)"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(ended.stdout.strip()).is_relative_to(tmp_path)
