"""Which column says that rows are variants of one product. The names are data: `group.toml`.

Laws (tests/ingestion/reading/test_group_column.py):
- a column that is another for each row, or the same for all, is no group, unless it names other rows: it
  stays an attribute, and the mapping says so;
- a row that others name as their parent is in their group.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.objects import read_text

NAMES = Path(__file__).with_name("group.toml")
CATEGORY_ROWS = 50
"""Rows that share a value on average, from which a column with a name of both is a category."""

MOST_ROWS = 20_000
"""Rows that are read where the first ones are not enough."""

UNIQUE = "is another for each row"

Cells = Mapping[str, Any]
Rows = Callable[[], Iterable[Cells]]
"""All rows of a catalogue, read anew."""

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
SLOT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class GroupColumn:
    """The column of groups; `own` are templates of what a row that names no parent calls itself.

    `column` is "" where no column holds groups; `note` says why one that looks like it does not.
    """

    column: str = ""
    own: tuple[str, ...] = ()
    note: str = ""


def guess_group(
    columns: Sequence[str], used: Collection[str], id_template: str, sample: Sequence[Cells], rows: Rows
) -> GroupColumn:
    """The likeliest column that feeds no other field, judged by the values of its first rows.

    `id_template` is that of the items' ids.
    """
    note = ""
    plain = {plain_name(column): column for column in reversed(columns) if column not in used}
    for name in _names():
        if (column := plain.get(name)) is None:
            continue
        refusal = _refusal(column, sample)
        if refusal is not None:  # the first rows may show too little
            refusal = _refusal(column, islice(rows(), MOST_ROWS))
        own = own_names(column, columns, id_template, sample, rows) if refusal in (None, UNIQUE) else ()
        if refusal is None or own:  # where each parent has one variant, no two rows share a parent
            return GroupColumn(column, own, note)
        if refusal and not note:
            note = f"{column} {refusal}: no group, it stays an attribute (--map group={column} makes it one)"
    return GroupColumn(note=note)


def title_column(columns: Sequence[str], used: Collection[str]) -> str:
    """The column that says what the products are called whose variants the rows are, "" if there is none."""
    plain = {plain_name(column): column for column in reversed(columns) if column not in used}
    return next((plain[name] for name in map(plain_name, _data()["titles"]) if name in plain), "")


def own_names(
    column: str, columns: Sequence[str], id_template: str, sample: Sequence[Cells], rows: Rows
) -> tuple[str, ...]:
    """Templates by which rows without a parent are named in `column` as parents of others."""
    if plain_name(column) not in _parents():
        return ()
    plain = {plain_name(name): name for name in reversed(columns)}
    likely = [
        SLOT.sub(lambda slot: f"{{{plain[plain_name(slot[1])]}}}", template)
        for template in _parents()[plain_name(column)]
        if all(plain_name(name) in plain for name in SLOT.findall(template))
    ]
    likely = list(dict.fromkeys([*likely, id_template]))
    return _named_in(column, likely, sample) or _named_in(column, likely, list(islice(rows(), MOST_ROWS)))


def _named_in(column: str, templates: Sequence[str], rows: Sequence[Cells]) -> tuple[str, ...]:
    parents = {group for row in rows if (group := read_group(row.get(column)))}
    return tuple(template for template in templates if any(fill(template, row) in parents for row in rows))


def read_group(cell: Any) -> str:
    """The group that a cell names, "" where it names none or several."""
    if isinstance(cell, list | tuple):
        cells = [part for part in cell if not values.absent(part)]
        return read_group(cells[0]) if len(cells) == 1 else ""
    if isinstance(cell, Mapping):
        ids = [
            cell[key] for key in ("@id", "id", "sku", "productGroupID") if not values.absent(cell.get(key))
        ]
        return read_group(ids[0]) if ids else read_text(cell, "").text
    return values.identifier(cell)


def read_group_title(cell: Any, language: str) -> str:
    """What a group that is an object is called, "" where it does not say."""
    parts = cell if isinstance(cell, list | tuple) else [cell]
    named = [part for part in parts if isinstance(part, Mapping)]
    name = next((part.get(key) for part in named[:1] for key in ("name", "title") if part.get(key)), None)
    return read_text(name, language).text if isinstance(name, Mapping | list) else values.text(name)


def fill(template: str, row: Mapping[str, Any]) -> str:
    """The template with the row's identifiers; "" where one of them is absent."""
    parts = {name: values.identifier(row.get(name)) for name in SLOT.findall(template)}
    return SLOT.sub(lambda slot: parts[slot[1]], template) if all(parts.values()) else ""


def plain_name(column: str) -> str:
    """The column's name without case, accents and punctuation, as lists of names write it."""
    name = column.casefold()
    if not name.isascii():
        name = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    return re.sub(r"[^a-z0-9@]", "", name)


def _refusal(column: str, rows: Iterable[Cells]) -> str | None:
    """Why the column holds no groups: "" where it is empty, None where it does hold some."""
    counts = Counter[str]()
    read = 0
    for row in rows:
        read += 1
        if group := read_group(row.get(column)):
            counts[group] += 1
    if not counts:
        return ""
    if max(counts.values()) == 1:
        return UNIQUE
    if len(counts) == 1 and counts.total() == read:
        return "is the same for all rows"
    average = counts.total() / len(counts)
    if plain_name(column) in _often_categories() and average > CATEGORY_ROWS:
        return f"has {average:,.0f} rows for each value, as categories have"
    return None


def _names() -> Sequence[str]:
    shared = tuple(map(plain_name, _data()["shared"]))
    parents = tuple(_parents())
    # a parent's name is plainer than a handle, but not than an item group
    return (*shared[:1], *[name for name in parents if name != "parent"], *shared[1:], "parent")


def _parents() -> Mapping[str, Sequence[str]]:
    return {plain_name(name): templates for name, templates in _data()["parents"].items()}


def _often_categories() -> frozenset[str]:
    return frozenset(map(plain_name, _data()["often_categories"]["names"]))


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    return tomllib.loads(NAMES.read_text(encoding="utf-8"))
