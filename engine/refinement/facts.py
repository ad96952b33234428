"""What an item's fields say, under the names the rules use."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from vlclip.engine.item import Attribute, Item
from vlclip.engine.refinement.untrusted import plain, without_instructions
from vlclip.engine.refinement.words import Vocabulary

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
    pattern = _attribute(item, vocabulary, "pattern")
    return ItemFacts(
        product_type=_usable(_PATH.split(item.product_type.rstrip(" >|/"))[-1][:READ_CHARS], vocabulary),
        brand=_usable(item.brand[:READ_CHARS], vocabulary),
        colour=_attribute(item, vocabulary, "colour"),
        material=_attribute(item, vocabulary, "material"),
        audience=_attribute(item, vocabulary, "audience", named=True),
        pattern="" if pattern.casefold() in UNWRITTEN_PATTERNS else pattern,
    )


def backing_text(item: Item, *, description: bool = True) -> str:
    """All the words of an item that can back a claim, without instructions."""
    parts = [item.title, item.product_type, item.brand, item.description if description else ""]
    for name, value in item.attributes.items():
        parts += [name.replace("_", " "), *map(str, value if isinstance(value, tuple) else (value,))]
    return " \n".join(without_instructions(plain(part)) for part in parts if part)


def _attribute(item: Item, vocabulary: Vocabulary, fact: str, *, named: bool = False) -> str:
    """The first attribute with a usable value; with `named`, a value with a word known for the fact."""
    names = vocabulary.attributes[fact]
    for name, value in item.attributes.items():
        if re.sub(r"[\W_\d]", "", name.casefold()) not in names:
            continue
        words = _value(value, vocabulary)
        if words and (not named or vocabulary.named(fact, words)):
            return words
    return ""


def _value(value: Attribute, vocabulary: Vocabulary) -> str:
    """An attribute in words: at most three of its parts; numbers and truth values say nothing here."""
    raw = value if isinstance(value, tuple) else (value,)
    texts = [text[:READ_CHARS] for text in raw if isinstance(text, str)]
    texts = [text for text in texts if text.strip().casefold() not in vocabulary.nothing]
    parts = [part for text in texts for part in re.split(r"[,;/|]", text)]
    words = [_usable(re.sub(r"\d+(?:\.\d+)? ?%", "", part), vocabulary) for part in parts]
    return " ".join(dict.fromkeys(filter(None, words))) if len(words) <= MOST_PARTS else ""


def _usable(text: str, vocabulary: Vocabulary) -> str:
    words = without_instructions(plain(html.unescape(text))).strip(" .,-_")
    has_meaning = words.casefold() not in vocabulary.nothing and any(map(str.isalpha, words))
    return words if has_meaning and len(words.split()) <= MOST_WORDS else ""
