"""What the build of the image does with the environment it installed; `benchmarks/image.py` does the same.

    python image.py ENVIRONMENT

It takes out what nobody runs there, then tries the rest: paints a few products, ingests and searches them,
and imports every command. That compiles the modules which are used, and no others, so a container with a
read-only root starts quickly; and a build ends where something does not load.

Laws (tests/deploy/test_image.py):
- no command imports what is taken out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

TESTED = ("numpy", "scipy", "sklearn", "joblib")
"""Packages that bring their own tests, 29 MB."""
UNUSED = ("torch/test", "torch/include")
"""Of the extra `models`: what only PyTorch's own tests and compilers read, 145 MB."""
SYMBOLS = "*/*.abi3.so"
"""Libraries written in Rust, with tables of symbols for debuggers, 52 MB. Others are left as they are: those
that packagers moved into a wheel may no longer load without theirs."""
IMPORTS = """
from vlclip.engine.errors import MissingExtra
from vlclip.service.cli import COMMANDS, load_command
for name in COMMANDS:
    try:
        load_command(name)
    except MissingExtra:
        pass
"""


def main() -> None:
    """Take out what is unused in an environment, and try it."""
    environment = Path(sys.argv[1])
    (packages,) = environment.glob("lib/python3.*/site-packages")
    slim(packages)
    warm(environment)


def slim(packages: Path) -> None:
    """Take out what nobody runs: tests, headers and, where there is a `strip`, tables of symbols."""
    for folder in list(unused(packages)):
        shutil.rmtree(folder, ignore_errors=True)  # one may lie in another
    if strip := shutil.which("strip"):
        for library in packages.glob(SYMBOLS):
            subprocess.run([strip, "--strip-unneeded", library], check=True)  # noqa: S603 - files of pip's


def unused(packages: Path) -> Iterator[Path]:
    """Folders of packages that nobody runs."""
    for name in TESTED:
        for pattern in ("tests", "test"):
            yield from (packages / name).rglob(pattern)
    yield from (folder for name in UNUSED if (folder := packages / name).is_dir())


def warm(environment: Path) -> None:
    """Run an ingest and a search, and import every command; what is imported is compiled."""
    program = str(environment / "bin" / "vlclip")
    with TemporaryDirectory() as folder:
        catalogue, store = Path(folder, "drawn"), Path(folder, "store")
        for words in (
            ["draw", catalogue, "--count", "8"],
            ["ingest", catalogue / "catalogue.jsonl", "--store", store],
            ["search", "red shoe", "--store", store, "--json"],
        ):
            subprocess.run([program, *map(str, words)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    subprocess.run([environment / "bin" / "python", "-c", IMPORTS], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
