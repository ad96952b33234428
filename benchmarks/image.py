"""How large the image's layer is: the steps of the Dockerfile, into an empty environment of this machine.

    python benchmarks/image.py
    python benchmarks/image.py --extras redis,llm,tracing

It installs the project with extras from the package index that pip is set to, takes out what
`deploy/image.py` takes out, tries the rest, and prints the sizes of packages and of the layer, as it lies on
disk and packed. The layers of the base image are not known here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zlib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from deploy.image import slim, warm  # noqa: E402 - it is no package of an installation


class Packed:
    """A file that keeps nothing but how long it is, as gzip."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(6, wbits=31)
        self.size = 0

    def write(self, content: bytes) -> int:
        """Count what `content` takes, packed."""
        self.size += len(self._packer.compress(content))
        return len(content)

    def close(self) -> None:
        """Count what is left."""
        self.size += len(self._packer.flush())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extras", default="redis", help="extras of pyproject.toml, with commas")
    parser.add_argument("--rows", type=int, default=15, help="how many packages to list")
    args = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][name] for name in args.extras.split(",") if name]
    requirements = [*project["dependencies"], *chain.from_iterable(extras)]
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as place:
        environment = Path(place) / "vlclip"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        install(
            environment, "--only-binary", ":all:", "--constraint", ROOT / "constraints.txt", *requirements
        )
        install(environment, "--no-deps", ROOT)
        (packages,) = environment.glob("lib/python3.*/site-packages")
        print(f"{'installed':<24}{size_mb(environment):8.1f} MB")
        slim(packages)
        tell_packages(packages, args.rows)
        print(f"{'what nobody runs is out':<24}{size_mb(environment):8.1f} MB")
        warm(environment)
        packed = packed_mb(environment)
        print(f"{'what is used is compiled':<24}{size_mb(environment):8.1f} MB, packed {packed:.1f}")


def install(environment: Path, *words: object) -> None:
    """Run pip for an environment."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python"]
    command = [*pip, environment / "bin" / "python", "install", "--no-compile", *words]
    subprocess.run(list(map(str, command)), check=True)


def tell_packages(packages: Path, rows: int) -> None:
    """Print the largest packages with their megabytes."""
    sizes = {}
    for package in distributions(path=[str(packages)]):
        files = [Path(package.locate_file(file)) for file in package.files or ()]
        sizes[package.metadata["Name"]] = sum(file.stat().st_size for file in files if file.is_file())
    for name in sorted(sizes, key=lambda name: -sizes[name])[:rows]:
        print(f"{name:<24}{sizes[name] / 1e6:8.1f}")


def size_mb(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


def packed_mb(folder: Path) -> float:
    """Megabytes of a folder as the layer that a registry keeps."""
    packed = Packed()
    with tarfile.open(fileobj=packed, mode="w|") as layer:  # type: ignore[call-overload]
        layer.add(folder, arcname="opt/vlclip")
    packed.close()
    return packed.size / 1e6


if __name__ == "__main__":
    main()
