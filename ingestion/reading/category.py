"""A product's categories as shops write them, read as the type of the product.

Shops write the way through their shelves: `Clothing > Trousers`, `Default Category/Women/Dresses`, several of
them in a cell, or lists of lists. What the product is stands at the end of a way.

Laws (tests/ingestion/reading/test_category.py):
- a text that is no way is the type as it stands;
- the type is the last name of the longest way, the first among equals; every way stays, as text;
- reading the ways again gives the same type and the same ways.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from vlclip.ingestion.reading import values

PATH = "category_path"
"""The attribute that keeps the ways through the categories."""

_SIGNS = re.compile(r">+|»|\u203a|→|\|")
_STEP = re.compile(r"\s*(?:-?>+|»|\u203a|→)\s*")
_BAR = re.compile(r"\s*\|\s*")
_SLASH = re.compile(r"\s*/\s*")
_ROOT = re.compile(r"(default category|root catalog)\s*/", re.IGNORECASE)
_NEXT = re.compile(r"(?<!\\)[,;|\n]")
_ENTITY = re.compile(r"&gt;", re.IGNORECASE)
_TREE = re.compile(r"category|categories|path|tree|breadcrumb|taxonomy", re.IGNORECASE)

Way = tuple[str, ...]


class Category(NamedTuple):
    """The type of a product, and the ways to it; no ways where the cell is a plain text."""

    product_type: str
    ways: tuple[str, ...]


def read_category(cell: Any, column: str = "") -> Category | None:
    """The type and the ways in a cell; None where the cell holds no way.

    Slashes part names only in a column that is named after categories, and only two or more of them: one is
    in `Hats/Caps` too. One will do after the root (`Default Category/Bags`) or another way (`Home,
    Home/Bags`). Bars part the categories of WordPress' columns (`tax:product_cat`), of which the first is the
    type where none is a way.
    """
    is_taxonomy = column.lower().startswith("tax:") and isinstance(cell, str) and "|" in cell
    if is_taxonomy:
        cell = [part.strip() for part in cell.split("|") if part.strip()]
    ways = _ways(cell, by_slash=_TREE.search(column) is not None)
    if not ways or (max(map(len, ways)) < 2 and not is_taxonomy):
        return None
    longest = max(ways, key=len)
    return Category(longest[-1], tuple(dict.fromkeys(" > ".join(way) for way in ways)))


def _ways(cell: Any, *, by_slash: bool) -> list[Way]:
    if isinstance(cell, str):
        text = _ENTITY.sub(">", cell.strip())
        if text.startswith("["):
            listed = _listed(text)
            return _ways(listed, by_slash=by_slash) if listed else []
        return _written(text, by_slash=by_slash)
    if not isinstance(cell, list | tuple):
        return []
    parts = [part for part in cell if not values.absent(part)]
    if all(isinstance(part, list | tuple) and all(map(_is_name, part)) for part in parts):
        return [tuple(name for name in map(values.text, part) if name) for part in parts]
    if not all(map(_is_name, parts)):
        return []
    return [way for part in parts for way in _written(values.text(part), by_slash=by_slash)]


def _is_name(part: Any) -> bool:
    return part is None or isinstance(part, str | int | float)


def _listed(text: str) -> list[Any]:
    """The list that a text writes as JSON, [] where it writes none."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    return content if isinstance(content, list) else []


def _written(text: str, *, by_slash: bool) -> list[Way]:
    if "<" in text:  # a tag, not a way
        return [(text,)]
    if _SIGNS.search(text):
        if _STEP.search(text):
            return _split(text, _STEP)
        return [_way(text, _BAR)]
    if by_slash and _goes_by_slash([part.strip() for part in _NEXT.split(text)]):
        return _split(text, _SLASH)
    return [(text,)] if text else []


def _goes_by_slash(parts: list[str]) -> bool:
    """Whether slashes part names: there are two, a way has the root of a shop, or goes on from another."""
    return any(part.count("/") > 1 or _ROOT.match(part) for part in parts) or any(
        part.startswith(f"{other}/") for part in parts for other in parts if other
    )


def _split(text: str, step: re.Pattern[str]) -> list[Way]:
    ways = (_way(part.replace("\\,", ","), step) for part in _NEXT.split(text))
    return [way for way in ways if way]


def _way(text: str, step: re.Pattern[str]) -> Way:
    return tuple(name for name in (name.strip() for name in step.split(text)) if name)
