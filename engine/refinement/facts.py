"""What an item's fields say, under the names the rules use."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache

from vlclip.engine.item import Attribute, Item
from vlclip.engine.refinement.untrusted import plain, without_instructions
from vlclip.engine.refinement.words import KINDS, Vocabulary

MOST_PARTS = 3
MOST_WORDS = 4
READ_CHARS = 200
"""Of a value; a longer value is a text, not a fact."""
UNWRITTEN_PATTERNS = ("plain", "solid")
"""No shop writes them into a title."""

_PATH = re.compile(r"\s*[>|]\s*|\s+\/\s+")


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """Facts of a few words each, or "" where the fields say nothing usable."""

    product_type: str = ""
    brand: str = ""
    colour: str = ""
    material: str = ""
    audience: str = ""
    pattern: str = ""


def read_facts(item: Item, vocabulary: Vocabulary) -> ItemFacts:
    """The facts of an item: type (the last of a path), brand, and attributes by their usual names."""
    nothing = vocabulary.nothing
    phrases = dict.fromkeys(KINDS, "")
    for name, value in item.attributes.items():
        for fact in vocabulary.facts_of(_letters(name)):
            words = "" if phrases[fact] else _value(value, nothing)
            if words and (fact != "audience" or vocabulary.named(fact, words)):
                phrases[fact] = words
    if phrases["pattern"].casefold() in UNWRITTEN_PATTERNS:
        phrases["pattern"] = ""
    return ItemFacts(
        product_type=_usable(_PATH.split(item.product_type.rstrip(" >|/"))[-1][:READ_CHARS], nothing),
        brand=_usable(item.brand[:READ_CHARS], nothing),
        **phrases,
    )


def backing_text(item: Item, *, description: bool = True) -> str:
    """All the words of an item that can back a claim, without instructions."""
    parts = [item.title, item.product_type, item.brand, item.description if description else ""]
    for name, value in item.attributes.items():
        parts += [name.replace("_", " "), *map(str, value if isinstance(value, tuple) else (value,))]
    return " \n".join(without_instructions(plain(part)) for part in parts if part)


@lru_cache(maxsize=4096)
def _letters(name: str) -> str:
    return re.sub(r"[\W_\d]", "", name.casefold())


@lru_cache(maxsize=8192)
def _value(value: Attribute, nothing: frozenset[str]) -> str:
    """An attribute in words: at most three of its parts; numbers and truth values say nothing here."""
    raw = value if isinstance(value, tuple) else (value,)
    texts = [text[:READ_CHARS] for text in raw if isinstance(text, str)]
    texts = [text for text in texts if text.strip().casefold() not in nothing]
    parts = [part for text in texts for part in re.split(r"[,;/|]", text)]
    words = [_usable(re.sub(r"\d+(?:\.\d+)? ?%", "", part), nothing) for part in parts]
    return " ".join(dict.fromkeys(filter(None, words))) if len(words) <= MOST_PARTS else ""


@lru_cache(maxsize=8192)
def _usable(text: str, nothing: frozenset[str]) -> str:
    """The words of a value, "" where they say nothing or are too many; items share most values."""
    words = without_instructions(plain(html.unescape(text))).strip(" .,-_")
    has_meaning = words.casefold() not in nothing and any(map(str.isalpha, words))
    return words if has_meaning and len(words.split()) <= MOST_WORDS else ""
