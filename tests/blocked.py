"""How a program begins that must do without some packages."""

from __future__ import annotations

from collections.abc import Sequence


def without(packages: Sequence[str]) -> str:
    """Python code after which importing one of these fails, as if it were not installed."""
    return f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if any(name == package or name.startswith(package + ".") for package in {packages!r}):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""
