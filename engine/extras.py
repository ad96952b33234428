"""Packages that not everyone installs: who needs one and does not have it learns the command.

`pip install vlclip` brings what ingesting with the shipped models, searching, serving and judging need. The
rest are extras, and their imports stand inside `needing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vlclip.engine.errors import MissingExtra

MODELS = "models"
"""The extra with PyTorch and the libraries that load, train and export models by name."""
REPORTS = "reports"
"""The extra that draws pictures of reports."""


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Around imports of an extra's packages; `MissingExtra` names package, purpose and command."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "a package").partition(".")[0]
        if package == "vlclip":
            raise
        raise MissingExtra(f"{purpose} needs {package}: pip install 'vlclip[{extra}]'") from None
