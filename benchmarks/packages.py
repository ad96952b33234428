"""How many megabytes `pip install vlclip` brings, and how many more each extra: of what is installed here.

    python benchmarks/packages.py

Compiled Python is left out, as it is made while modules are used. Extras whose packages are not installed
have a dash. In `models`, CUDA's libraries and Triton come with PyTorch's wheels for Linux from the usual
package index.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
CUDA = ("nvidia-", "cuda-", "triton")


def main() -> None:
    own = needed(PROJECT["dependencies"])
    print(f"{'vlclip needs':<14}{megabytes(own.values()):8,.0f} MB")
    for extra, requirements in PROJECT["optional-dependencies"].items():
        try:
            more = {name: package for name, package in needed(requirements).items() if name not in own}
        except PackageNotFoundError as error:
            print(f"{extra:<14}{'-':>8}    {error}")
            continue
        cuda = megabytes(package for name, package in more.items() if name.startswith(CUDA))
        note = f"   of them CUDA and Triton {cuda:,.0f}" if cuda else ""
        print(f"{extra:<14}{megabytes(more.values()):8,.0f} MB{note}")


def needed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The packages that requirements bring, by name, with all that these need."""
    packages: dict[str, Distribution] = {}
    visits: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        extras = frozenset(requirement.extras)
        if (name, extras) in visits:
            continue
        visits.add((name, extras))
        packages[name] = distribution(requirement.name)
        for text in packages[name].requires or ():
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": e}) for e in ("", *extras)):
                waiting.append(inner)
    return packages


def megabytes(packages: Iterable[Distribution]) -> float:
    """What packages take on disk."""
    files = (Path(package.locate_file(file)) for package in packages for file in package.files or ())
    return sum(file.lstat().st_size for file in files if file.suffix != ".pyc" and file.is_file()) / 1e6


if __name__ == "__main__":
    main()
