"""How the exports of shop systems are laid out: data in `presets/`, one file for each system.

Laws (tests/ingestion/reading/test_preset.py):
- a preset is recognised by the columns of an export alone, and every preset by columns of its own;
- it names columns for fields; what the operator maps wins, and what it does not name is guessed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.group_column import plain_name

FILES = Path(__file__).with_name("presets")
NAMES = ("shopify", "woocommerce", "magento", "akeneo", "bigcommerce", "google", "jsonld")
"""In the order in which they are tried."""
CHOICES = ("auto", "plain", *NAMES)
"""What `--format` takes."""
OPTIONS = "attributes"
"""The column that a preset fills with attributes of a row's own names."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One system's export.

    `detect` are sets of columns of which it has one whole, `fields` the columns of each field, likeliest
    first, `steps` how its rows become rows of items (`reshape.py`).
    """

    name: str
    title: str
    detect: Sequence[Sequence[str]]
    fields: Mapping[str, Sequence[str]]
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether these are the columns of such an export."""
        return any(all(find(columns, name) for name in names) for names in self.detect)

    def mapping(self, columns: Sequence[str]) -> dict[str, str]:
        """Fields to those of the columns that feed them."""
        likely = {name: [find(columns, column) for column in names] for name, names in self.fields.items()}
        return {name: next(filter(None, names)) for name, names in likely.items() if any(names)}

    def note(self, *, is_detected: bool) -> str:
        """What to say of it."""
        plain = f"(--format {self.name}); --format plain reads it without" if is_detected else ""
        return f"read as {self.title} {plain}".strip()


def find(columns: Iterable[str], name: str) -> str:
    """The column of this name, whatever its case and punctuation; after `~`, the first a pattern fits.

    A bar parts names of which the first that is there counts.
    """
    if name.startswith("~"):
        pattern = re.compile(name[1:])
        return next((column for column in columns if pattern.search(column)), "")
    names = list(columns)
    if "|" in name:
        return next((column for part in name.split("|") if (column := find(names, part))), "")
    if name in names:
        return name
    return next((column for column in names if plain_name(column) == plain_name(name)), "")


def choose_preset(columns: Sequence[str], choice: str) -> Preset | None:
    """The preset of a `--format` choice for a catalogue of these columns, None for a plain one."""
    if choice not in CHOICES:
        raise CatalogueError(f"there is no format {choice!r}; there are: {', '.join(CHOICES)}")
    if choice == "plain":
        return None
    if choice == "auto":
        return next((preset for preset in map(load_preset, NAMES) if preset.fits(columns)), None)
    preset = load_preset(choice)
    if not preset.fits(columns):
        likely = " or ".join(", ".join(names) for names in preset.detect[:2])
        raise CatalogueError(
            f"this is not {preset.title}, which has the columns {likely}; leave --format out, or use plain"
        )
    return preset


@lru_cache(maxsize=len(NAMES))
def load_preset(name: str) -> Preset:
    """The preset of one system."""
    content = tomllib.loads((FILES / f"{name}.toml").read_text(encoding="utf-8"))
    own = ("title", "detect", "fields")
    steps = {key: part for key, part in content.items() if key not in own}
    return Preset(name, content["title"], content["detect"], content["fields"], steps)
