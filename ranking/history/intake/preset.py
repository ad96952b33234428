"""How a system writes its events: columns, names of kinds, unit of times. One TOML file each in `presets/`.

Laws (tests/ranking/history/intake/test_preset.py):
- every kind of a preset is one of ours;
- a file that has a preset's signs is recognised, and no file by two presets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from vlclip.ranking.errors import BadTable
from vlclip.ranking.history.event_kinds import check_kind

FOLDER = Path(__file__).parent / "presets"
AUTO, PLAIN = "auto", "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A format of events.

    `columns` maps a field to the columns that may hold it, the first with a value counts; `a.b` is key `b` of
    the object in `a`. Where `items` holds a list of objects, each is an event, and `item`, `price` and
    `quantity` are looked for in it first. `kinds` maps names of events to ours; `every_kind` is that of every
    row. `signs` are columns that a file of this format has, `|` between those of which one is enough.
    """

    name: str
    title: str
    signs: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    every_kind: str = ""
    time_unit: str = ""

    def is_of(self, columns: Collection[str]) -> bool:
        """Whether a file with these columns has this format's signs."""
        return bool(self.signs) and all(
            any(column in columns for column in sign.split("|")) for sign in self.signs
        )


def choose_preset(name: str, columns: Collection[str]) -> Preset:
    """The preset of this name; for `auto`, the one whose signs a file with these columns has, or `plain`.

    `BadTable` where there is no such preset.
    """
    by_name = presets()
    if name == AUTO:
        return next((preset for preset in by_name.values() if preset.is_of(columns)), by_name[PLAIN])
    if name not in by_name:
        raise BadTable(f"there is no format {name!r} of events; there are: {AUTO}, {', '.join(by_name)}")
    return by_name[name]


@cache
def presets() -> Mapping[str, Preset]:
    """Every preset by its name."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.toml"))}


def plain_name(name: str) -> str:
    """The name of an event in lower case without punctuation, so `Product Viewed` is `product_viewed`."""
    return re.sub(r"[\W_]", "", name.lower())


def _read(path: Path) -> Preset:
    form = tomllib.loads(path.read_text(encoding="utf-8"))
    columns = {name: tuple(columns) for name, columns in form.pop("columns").items()}
    kinds = {plain_name(name): check_kind(kind) for name, kind in form.pop("kinds").items()}
    signs = tuple(form.pop("signs"))
    return Preset(name=path.stem, signs=signs, columns=columns, kinds=kinds, **form)
