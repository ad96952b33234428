"""A product's categories as shops write them, read as the type of the product.

Shops write the way through their shelves: `Clothing > Trousers`, `Default Category/Women/Dresses`, several of
them in a cell, lists of lists, or lists of categories side by side. What the product is stands at the end.

Laws (tests/ingestion/reading/test_category.py):
- a text that is no way is the type as it stands;
- the type is the last name of the longest way, the first among equals; every way stays, as text;
- of categories side by side the deepest is the type, the last among equals;
- a name that says where a shop shows goods or whom they are for (`shelves.toml`), or that is the product's
  own title, is no type while there is another;
- reading the ways again gives the same type and the same ways.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from vlclip.engine.language import DEFAULT
from vlclip.ingestion.reading import objects, values

PATH = "category_path"
"""The attribute that keeps the ways through the categories."""
SHELVES = Path(__file__).with_name("shelves.toml")
NEARLY = 0.9
"""Likeness from which a name is the product's own title."""

_SIGNS = re.compile(r">+|»|\u203a|→|\|")
_STEP = re.compile(r"\s*(?:-?>+|»|\u203a|→)\s*")
_BAR = re.compile(r"\s*\|\s*")
_SLASH = re.compile(r"\s*/\s*")
_ROOT = re.compile(r"(default category|root catalog)\s*/", re.IGNORECASE)
_JOINED = r"[^,;|\n>»\u203a→/]*\s(?:&|and|und|et|y|e|en|i)\s"
_NEXT = re.compile(rf"(?<!\\)(?:[;|\n]|,(?!{_JOINED}))", re.IGNORECASE)
"""Between two ways; a comma before "Sleep & Swimwear" is within one name."""
_ENTITY = re.compile(r"&(gt|amp);", re.IGNORECASE)
_TREE = re.compile(r"category|categories|path|tree|breadcrumb|taxonomy", re.IGNORECASE)
_LISTS = re.compile(r"categories|kategorien|catégories|categorías|categorieën|kategorie")
_DEPTH_KEYS = ("level", "depth")
_PARENT_KEYS = ("parent", "parentcategory")
_ID_KEYS = ("id", "categoryid", "identifier")
_PARENT_ID_KEYS = ("parent", "parentid", "parentcategoryid")
_LINK_KEYS = ("link", "permalink", "url", "path")

Way = tuple[str, ...]


class Category(NamedTuple):
    """The type of a product, and the ways to it; no ways where the cell is a plain text."""

    product_type: str
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Listed:
    """A category: the way to it as far as it is known, how deep it is, and whether others are in it."""

    way: Way
    depth: int = 0
    is_parent: bool = False


def read_category(cell: Any, column: str = "", title: str = "", language: str = DEFAULT) -> Category | None:
    """The type and the ways in a cell; None where the cell holds neither ways nor several categories.

    Slashes part names only in a column that is named after categories, and only two or more of them: one is
    in `Hats/Caps` too. One will do after the root (`Default Category/Bags`) or another way (`Home,
    Home/Bags`). Bars part the categories of WordPress' columns (`tax:product_cat`), and commas those of a
    column that is called after several. `title` is the product's own, `language` that of names in several.
    """
    content = _list_of(cell, column)
    by_slash = _TREE.search(column) is not None
    if content is None:
        ways = [_Listed(way) for way in _written(values.text(cell), by_slash=by_slash)]
    else:
        ways = _of_list(content, by_slash=by_slash, language=language)
    if not ways or (content is None and max(len(part.way) for part in ways) < 2):
        return None
    return Category(_type_of(ways, title), tuple(dict.fromkeys(" > ".join(part.way) for part in ways)))


def _list_of(cell: Any, column: str) -> Sequence[Any] | None:
    """The list in a cell: as it is, as a text writes it, or parted where categories are; None for others."""
    if isinstance(cell, Mapping):
        return None if objects.is_tagged(cell) else [cell]
    if isinstance(cell, list | tuple):
        return None if objects.is_tagged(cell) else cell
    text = values.text(cell)
    if text[:1] in ("[", "{"):
        content = values.written_container(text)
        return None if content is None else _list_of(content, column)
    if column.lower().startswith("tax:") and "|" in text:
        return [part.strip() for part in text.split("|") if part.strip()]
    if _LISTS.fullmatch(column.lower()) and not _SIGNS.search(text) and "/" not in text and "<" not in text:
        names = [name.replace("\\,", ",").strip() for name in _NEXT.split(_ENTITY.sub(_sign, text))]
        return [name for name in names if name] if len(names) > 1 else None
    return None


def _of_list(cells: Sequence[Any], *, by_slash: bool, language: str) -> list[_Listed]:
    """The categories of a list; none where a part of it is something else."""
    parts = [part for part in cells if not values.absent(part)]
    parents = {
        values.identifier(_named(part, _PARENT_ID_KEYS)) for part in parts if isinstance(part, Mapping)
    }
    listed: list[_Listed] = []
    for part in parts:
        if isinstance(part, Mapping):
            way = _way_of(part, language)
            if not way:
                return []
            own = values.identifier(_named(part, _ID_KEYS))
            listed.append(_Listed(way, _depth(part), is_parent=own in parents))
        elif isinstance(part, list | tuple):
            names = [_name(name, language) for name in part if not values.absent(name)]
            if not all(names):
                return []
            listed.append(_Listed(tuple(names)))
        elif not (text := values.text(part)):
            return []
        else:
            listed += [_Listed(way) for way in _written(text, by_slash=by_slash, is_listed=True)]
    return listed


def _way_of(cell: Mapping[Any, Any], language: str, depth: int = values.DEPTH * 2) -> Way:
    """The names of an object and, before it, of the one that it names as its parent."""
    name = _name(cell, language)
    parent = _named(cell, _PARENT_KEYS)
    if name and depth and isinstance(parent, Mapping):
        return (*_way_of(parent, language, depth - 1), name)
    return (name,) if name else ()


def _depth(cell: Mapping[Any, Any]) -> int:
    """How deep a category says it is: as a number, or by the steps of its address."""
    level = values.scalar(_named(cell, _DEPTH_KEYS))
    if isinstance(level, str) and level.isdecimal():
        level = int(level[:9])
    if isinstance(level, int | float):
        return int(level)
    link = values.text(_named(cell, _LINK_KEYS))
    return link.partition("?")[0].rstrip("/").count("/")


def _named(cell: Mapping[Any, Any], keys: Sequence[str]) -> Any:
    """The first value under one of the keys, whatever their case and punctuation."""
    plain = {re.sub(r"[\W_]", "", str(key).lower()): part for key, part in cell.items()}
    return next((plain[key] for key in keys if not values.absent(plain.get(key))), None)


def _name(cell: Any, language: str) -> str:
    if not isinstance(cell, Mapping):
        return values.text(cell)
    reading = objects.read_text(cell, language)
    return "" if reading.note == objects.ALONE else reading.text


def _type_of(categories: Sequence[_Listed], title: str) -> str:
    """The end of the longest way, or the deepest of those side by side, the last among equals."""
    ends = [_end(part.way, title) for part in categories]
    usable = [(part, end) for part, end in zip(categories, ends, strict=True) if not _says_where(end, title)]
    usable = usable or list(zip(categories, ends, strict=True))
    usable = [(part, end) for part, end in usable if not part.is_parent] or usable
    longest = max(len(part.way) for part, _ in usable)
    if longest > 1:
        return next(end for part, end in usable if len(part.way) == longest)
    return max(reversed(usable), key=lambda pair: pair[0].depth)[1]


def _end(way: Way, title: str) -> str:
    """The last name that says what a product is, else the last."""
    return next((name for name in reversed(way) if not _says_where(name, title)), way[-1])


def _says_where(name: str, title: str) -> bool:
    """Whether a name is a shelf of a shop, or the product's own title."""
    return _plain(name) in _shelves() or _is_title(name, title)


def _is_title(name: str, title: str) -> bool:
    """Whether a name of several words is the product's title, or the beginning of it that fitted."""
    plain, own = _plain(name), _plain(title)
    if not plain or not own or len(name.split()) < 2:
        return False
    if name.rstrip().endswith(("...", "\u2026")):
        return own.startswith(plain)
    matcher = difflib.SequenceMatcher(None, plain, own, autojunk=False)
    return plain == own or (matcher.quick_ratio() >= NEARLY and matcher.ratio() >= NEARLY)


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text.casefold())))


@lru_cache(maxsize=1)
def _shelves() -> frozenset[str]:
    lists: Iterable[list[str]] = tomllib.loads(SHELVES.read_text(encoding="utf-8")).values()
    return frozenset(_plain(name) for names in lists for name in names)


def _written(text: str, *, by_slash: bool, is_listed: bool = False) -> list[Way]:
    """The ways in a text; one that is part of a list is a single way unless each of its parts is one."""
    text = _ENTITY.sub(_sign, text.strip())
    if "<" in text:  # a tag, not a way
        return [(text,)]
    if _SIGNS.search(text):
        if not _STEP.search(text):
            return [_way(text, _BAR)]
        parts = _NEXT.split(text)
        is_one = is_listed and not all(_STEP.search(part) for part in parts)
        return [_way(text, _STEP)] if is_one else _split(text, _STEP)
    if by_slash and _goes_by_slash([part.strip() for part in _NEXT.split(text)]):
        return _split(text, _SLASH)
    return [(text,)] if text else []


def _sign(entity: re.Match[str]) -> str:
    return ">" if entity[1].lower() == "gt" else "&"


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
