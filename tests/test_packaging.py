"""What a shop installs: one package, whole, which gets along with packages of the rooms' names."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
OWN = "OWNER = 'the shop'\n"


def run(*words: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """What a program prints; its exit status has to be 0."""
    process = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": "", **environment},
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, wheel)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a `service/` and an `engine/` of its own."""
    for name in ("service", "engine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(OWN)
    return tmp_path


def test_at_the_top_of_the_wheel_there_is_one_package(wheel):
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vlclip"}


def test_every_file_of_the_rooms_is_in_it(wheel):
    listing = run("git", "ls-files", "engine", "ingestion", "ranking", "service", "loadtest", "vlclip")
    files = {line for line in listing.splitlines() if not (ROOT / line).is_symlink()}
    assert {name.removeprefix("vlclip/") for name in files} <= {
        name.removeprefix("vlclip/") for name in names(wheel)
    }


def test_the_wheel_is_the_same_from_the_source_distribution_and_from_the_checkout(wheel, tmp_path):
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, ROOT)
    assert names(next(tmp_path.glob("*.whl"))) == names(wheel)
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        assert not [member.name for member in archive if member.issym() or member.islnk()]


def test_a_project_with_packages_of_the_rooms_names_keeps_them(site, shop):
    code = (
        "import engine, service, vlclip\n"
        "from vlclip import Item, Settings\n"
        "print(engine.OWNER, service.OWNER, vlclip.__file__)"
    )
    printed = run(sys.executable, "-c", code, cwd=shop, PYTHONPATH=f"{shop}{os.pathsep}{site}")
    assert printed.split() == ["the", "shop", "the", "shop", str(site / "vlclip" / "__init__.py")]


def test_the_command_works_from_such_a_folder(site, shop):
    command, path = site / "bin" / "vlclip", f"{shop}{os.pathsep}{site}"
    assert run(command, "--version", cwd=shop, PYTHONPATH=path).startswith("vlclip ")
    assert "ingest" in run(command, "--help", cwd=shop, PYTHONPATH=path)
    run(command, "draw", "drawn", "--count", "2", cwd=shop, PYTHONPATH=path)
    assert (shop / "drawn" / "catalogue.jsonl").read_text().count("\n") == 2
    assert "vlclip" in run(sys.executable, "-m", "vlclip", "--version", cwd=shop, PYTHONPATH=path)
