"""A text from the item's fields alone: no endpoint, no cost, the same every time.

The cleaned title keeps its order, for a model trained on titles reads them best so; what the fields
know and the title does not say is added where titles have it: brand and audience before, colour,
pattern and material before the product's name or at the end, then the type. On 4,076 products this
found the photo more often than any order that begins with the type (docs/refine.md).

Laws (tests/engine/refinement/test_fields.py):
- a clean title that says all the fields know comes out as it went in;
- refining twice equals once; no word comes out that no field has.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlclip.engine.item import Item
from vlclip.engine.language import DEFAULT
from vlclip.engine.refinement.facts import Facts, facts
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.refinement.title import clean_title
from vlclip.engine.refinement.untrusted import plain, without_instructions
from vlclip.engine.refinement.words import Vocabulary, folded, load_vocabulary

RULES = 1
"""Counted up by hand with any change of rule that changes texts."""

DESCRIPTION_WORDS = 24
READ_CHARS = 2000
"""Of a title or description: more says nothing that an encoder would read."""


class FieldRefiner:
    """The `Refiner` that needs nothing but the item. `SettingsError` if there is no such language."""

    def __init__(self, language: str = DEFAULT) -> None:
        self._vocabulary = load_vocabulary(language)

    @property
    def version(self) -> str:
        """Of the rules and the word lists."""
        return f"fields-{RULES}-{self._vocabulary.version}"

    def refine(self, items: Sequence[Item], photos: Sequence[bytes | None]) -> list[Refined]:  # noqa: ARG002
        """One text per item; photos are not looked at."""
        return [self.text_of(item) for item in items]

    def text_of(self, item: Item) -> Refined:
        """The text of one item; the item's own where nothing is left of its fields."""
        text = field_text(item, self._vocabulary)
        return Refined(text, "fields", self.version) if text else Refined(item.text, "raw", self.version)

    def close(self) -> None:
        """Nothing to let go of."""


def field_text(item: Item, vocabulary: Vocabulary) -> str:
    """The cleaned title with what it leaves out; without a title the fields, or the description's start."""
    known = facts(item, vocabulary)
    values = [str(part) for value in item.attributes.values() for part in _parts(value)]
    keep = " ".join([known.brand, known.product_type, *values]).split()
    title = clean_title(without_instructions(plain(item.title[:READ_CHARS])), vocabulary, keep)
    text = complete(title, known, vocabulary)
    if text:
        return text
    words = clean_title(
        without_instructions(plain(item.description[:READ_CHARS])).split(". ")[0], vocabulary, keep
    ).split()
    return " ".join(words[:DESCRIPTION_WORDS])


def complete(title: str, known: Facts, vocabulary: Vocabulary) -> str:
    """The title with the facts it does not name, each at its usual place."""
    words = title.split()
    maker = set(folded(known.brand))
    start = next((place for place, word in enumerate(words) if not set(folded(word)) <= maker), len(words))
    end = len(words)
    while end > start and _hints(words[end - 1], known.product_type):
        end -= 1
    brand = "" if _says(title, known.brand) else known.brand
    audience = "" if vocabulary.named("audience", title) else known.audience
    colour = "" if vocabulary.named("colour", title) else known.colour
    looks = [word for word in (colour, known.pattern, known.material) if not _says(title, word)]
    name = words[end:] or ([] if _hints(title, known.product_type) else [known.product_type])
    parts = [brand, *words[:start], audience, *words[start:end], *looks, *name]
    return " ".join(part for part in parts if part)


def _says(text: str, phrase: str) -> bool:
    """Whether every word of the phrase is in the text."""
    return set(folded(phrase)) <= set(folded(text))


def _hints(text: str, product_type: str) -> bool:
    """Whether the text has a word of the type, or one that begins like it: Sari, Sarees; Deo, Deodorant."""
    return any(_alike(one, other) for one in folded(text) for other in folded(product_type))


def _alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= 3 and (long.startswith(short) or one[:4] == other[:4])


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
