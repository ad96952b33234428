"""The text of JSON objects: `{"name": …}`, `{"@value": …}`, texts with language tags, maps of languages.

Laws (tests/ingestion/reading/test_objects.py):
- of texts in several languages, those in the chosen language are read; without one, those of the first;
- a text that comes from an object is one that the object holds;
- what cannot be read gives "" and says so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from vlclip.ingestion.reading import values

CODES = Path(__file__).with_name("languages.toml")
TEXT_KEYS = ("@value", "value", "name", "title", "label", "text", "content")
"""The keys of an object that hold its text, likeliest first."""
LATER_TEXT_KEYS = (
    "#text", "_text", "displayname", "display_name", "displayName", "rendered", "raw", "html", "plain",
    "data", "attributes", "node", "nodes", "edges", "translations",
)  # fmt: skip
"""Keys that hold it in some systems, or the object that does; an attribute has a value for each of them."""
BESIDE_KEYS = frozenset(
    ("id", "type", "kind", "slug", "code", "locale", "scope", "position", "pageinfo", "__typename")
)
"""What an object says beside its text; alone it is none."""
CODE_KEYS = ("code", "iso", "iso_code", "iso639")
"""Keys that hold the language where every object of a list names one."""
TAG_KEYS = ("language_tag", "@language", "language", "lang", "locale", "language_code", "languagecode")
NAME_KEYS = ("name", "key", "label", "attribute_code", "attribute_name")
VALUE_KEYS = ("value", "values", "option", "options", "attribute_value")
"""The keys of an object that names one attribute."""
OFFERS = "offers"
"""The key of an aggregate offer that holds the single ones."""
ALONE = "holds objects with one text under a name that vlclip does not know; it is read"
UNREADABLE = "holds objects or bytes without a text; left out"

_TAG = re.compile(r"([a-z]{2,3})([-_][a-z]{4})?([-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)
_WORDS = {"id", "no", "it", "to"}
"""Codes that are more often plain words; alone they make no map of languages."""
_NO_TAG = ("@none", "default", "x-default", "und")


@dataclass(frozen=True, slots=True)
class ObjectText:
    """The text of a cell; `note` says what is not as asked for, "" where nothing is to say."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _TaggedText:
    tag: str
    content: Any


def holds_objects(cell: Any) -> bool:
    """Whether there is an object in a cell."""
    if isinstance(cell, list | tuple):
        return any(map(holds_objects, cell))
    return isinstance(cell, Mapping)


def is_tagged(cell: Any) -> bool:
    """Whether a cell holds texts with language tags."""
    return any(text.tag for text in _tagged(cell))


def has_text(cell: Mapping[Any, Any]) -> bool:
    """Whether an object has a key that holds its text."""
    return any(not values.absent(cell.get(key)) for key in TEXT_KEYS)


def holds_more(cell: Any) -> bool:
    """Whether objects in a cell hold more than their text; JSON-LD's own keys (`@type`) do not count."""
    if isinstance(cell, list | tuple):
        return any(map(holds_more, cell))
    if not isinstance(cell, Mapping) or is_tagged(cell):
        return False
    present = [part for key, part in cell.items() if not values.absent(part) and not str(key).startswith("@")]
    return len(present) > ("@value" not in cell) or any(map(holds_more, present))


def holds_further(cell: Any, keys: Collection[str]) -> bool:
    """Whether objects in a cell, which may be JSON as text, have other keys than these with a value."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("[", "{"):
        try:
            cell = orjson.loads(cell)
        except orjson.JSONDecodeError:
            return False
    if isinstance(cell, list | tuple):
        return len(cell) > 1 or any(holds_further(part, keys) for part in cell)
    return isinstance(cell, Mapping) and any(
        str(key).lower() not in keys and not str(key).startswith("@") and not values.absent(part)
        for key, part in cell.items()
    )


def every_value(cell: Any, keys: Sequence[str]) -> list[Any]:
    """The values under the keys in an object or a list of them; where there is none, in their own offers."""
    listed = cell if isinstance(cell, list | tuple) else [cell]
    parts = [part for part in listed if isinstance(part, Mapping)]
    present = [value for part in parts for key in keys if not values.absent(value := part.get(key))]
    if present:
        return present
    return [value for part in parts if OFFERS in part for value in every_value(part[OFFERS], keys)]


def first_value(cell: Any, keys: Sequence[str]) -> Any:
    """The first of them, None where there is none."""
    return next(iter(every_value(cell, keys)), None)


def named_values(cell: Sequence[Any]) -> dict[str, Any] | None:
    """A list of objects with a name and a value each as one object; None where it is something else."""
    pairs: dict[str, Any] = {}
    for part in cell:
        if not isinstance(part, Mapping):
            return None
        name = next((values.text(part[key]) for key in NAME_KEYS if not values.absent(part.get(key))), "")
        value = next((part[key] for key in VALUE_KEYS if not values.absent(part.get(key))), None)
        if not name or value is None or name in pairs:
            return None
        pairs[name] = value
    return pairs or None


def read_object(cell: Any) -> Mapping[str, Any] | None:
    """The JSON object in a cell, as text or already parsed; None where there is none.

    A list of names with values, as in `[{"name": "Colour", "options": ["red"]}]`, is an object too.
    """
    if isinstance(cell, Mapping):
        return cell
    try:
        content = orjson.loads(cell) if isinstance(cell, str) else cell
    except orjson.JSONDecodeError:
        return None
    if isinstance(content, list | tuple):
        return named_values(content)
    return content if isinstance(content, dict) else None


def read_text(cell: Any, language: str) -> ObjectText:
    """The text of a cell in a language, which is a name of the setting `language`."""
    if values.absent(cell):
        return ObjectText("")
    if isinstance(cell, list | tuple | Mapping) and is_tagged(cell):
        tagged = [text for text in _tagged(cell) if not values.absent(text.content)]
        tag = _choose([text.tag for text in tagged], language)
        chosen = [text.content for text in tagged if text.tag == tag]
        note = "" if _is_in(tag, language) else f"is not given in {language}; read in {tag or 'no language'}"
        inner = read_text(chosen, language)
        return ObjectText(inner.text, inner.note or note)
    if isinstance(cell, Mapping):
        content, note = _content(cell)
        if content is None:
            return ObjectText("", UNREADABLE)
        inner = read_text(content, language)
        return ObjectText(inner.text, inner.note or note)
    if isinstance(cell, list | tuple):
        parts = [read_text(part, language) for part in cell]
        return ObjectText(
            " ".join(part.text for part in parts if part.text), next((p.note for p in parts if p.note), "")
        )
    text = values.text(cell)
    return ObjectText(text, "" if text else UNREADABLE)


def _content(cell: Mapping[Any, Any]) -> tuple[Any, str]:
    """What holds the text of an object, None where nothing does; and a note if its key is unknown."""
    for key in (*TEXT_KEYS, *LATER_TEXT_KEYS):
        if not values.absent(cell.get(key)):
            return cell[key], ""
    others = {
        key: part
        for key, part in cell.items()
        if not values.absent(part) and str(key).lower() not in BESIDE_KEYS and str(key)[:1] != "@"
    }
    alone = next(iter(others.values())) if len(others) == 1 else None
    if isinstance(alone, Mapping | list | tuple):
        return alone, ""
    return (alone, ALONE) if isinstance(alone, str) else (None, "")


def _tagged(cell: Any) -> list[_TaggedText]:
    """The texts of a cell with their language tags, "" for those without; empty where none has a tag."""
    if isinstance(cell, Mapping):
        return [_of_object(cell)] if _tag(cell) else _of_map(cell)
    if not isinstance(cell, Sequence) or isinstance(cell, str | bytes):
        return []
    parts = [part for part in cell if not values.absent(part)]
    if not any(isinstance(part, Mapping) for part in parts):
        return []
    pairs = (isinstance(part, Mapping) and set(part) == {"key", "value"} for part in parts)
    if all(pairs) and all(isinstance(part["key"], str) for part in parts):
        return _of_map({part["key"]: part["value"] for part in parts})  # a map as Parquet stores it
    for key in CODE_KEYS:
        coded = [str(part.get(key, "")) if isinstance(part, Mapping) else "" for part in parts]
        if all(_code(code) in _codes().values() for code in coded) and all(len(part) > 1 for part in parts):
            return [
                _TaggedText(code, {name: text for name, text in part.items() if name != key})
                for code, part in zip(coded, parts, strict=True)
            ]
    texts: list[_TaggedText] = []
    for part in parts:
        texts += (_tagged(part) if isinstance(part, Mapping) else []) or [_TaggedText("", part)]
    return texts


def _of_object(cell: Mapping[Any, Any]) -> _TaggedText:
    """One object with a tag; its text is what stays without the tag."""
    return _TaggedText(_tag(cell), {key: part for key, part in cell.items() if _plain(key) not in TAG_KEYS})


def _of_map(cell: Mapping[Any, Any]) -> list[_TaggedText]:
    """A map of language to text; empty where its keys or values are something else."""
    keys = [str(key).strip() for key in cell]
    codes = [key for key in keys if key.lower() not in _NO_TAG]
    names = _codes().keys()
    are_codes = bool(codes) and all(_code(key) in _codes().values() or key.lower() in names for key in codes)
    if not are_codes or _WORDS.issuperset(codes) or not all(map(_is_text, cell.values())):
        return []
    return [
        _TaggedText("" if key.lower() in _NO_TAG else key, part)
        for key, part in zip(keys, cell.values(), strict=True)
    ]


def _is_text(part: Any) -> bool:
    return part is None or isinstance(part, str | list | tuple | Mapping)


def _tag(cell: Mapping[Any, Any]) -> str:
    tags = (str(part).strip() for key, part in cell.items() if _plain(key) in TAG_KEYS and part)
    return next((tag for tag in tags if _TAG.fullmatch(tag)), "")


def _plain(key: Any) -> str:
    return str(key).strip().lower()


def _choose(tags: Sequence[str], language: str) -> str:
    """The tag to read: the language alone, with a country, no language, else the first."""
    code = _codes().get(language, "")
    matching = [tag for tag in tags if _is_in(tag, language)]
    alone = [tag for tag in matching if tag.lower() == code]
    return next(iter([*alone, *matching, *(tag for tag in tags if not tag), *tags]), "")


def _is_in(tag: str, language: str) -> bool:
    return not tag or tag.lower() == language or _code(tag) in (_codes().get(language), language)


def _code(tag: str) -> str:
    match = _TAG.fullmatch(tag)
    return match[1].lower() if match else ""


@lru_cache(maxsize=1)
def _codes() -> Mapping[str, str]:
    return tomllib.loads(CODES.read_text(encoding="utf-8"))
