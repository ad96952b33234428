"""A text from the item's fields alone: no endpoint, no cost, the same every time.

The cleaned title keeps its order, because a model trained on titles reads them best that way. What the
fields say and the title does not is added where titles have it: brand and audience first; colour, pattern
and material before the product's name or at the end; then the type. On 4,076 products this found the photo
more often than any order that begins with the type (docs/refine.md).

Laws (tests/engine/refinement/test_fields.py):
- a clean title that holds all that the fields say is unchanged;
- refining twice equals refining once; every word of the text is a word of a field.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlclip.engine.item import Item
from vlclip.engine.language import DEFAULT
from vlclip.engine.refinement.facts import ItemFacts, read_facts
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.refinement.title import clean_title
from vlclip.engine.refinement.untrusted import plain, without_instructions
from vlclip.engine.refinement.words import Vocabulary, folded, load_vocabulary

RULES = 1
"""Raise it by hand with any change of a rule that changes texts."""

DESCRIPTION_WORDS = 24
READ_CHARS = 2000
"""Of a title or description; encoders read no further."""


class FieldRefiner:
    """The `Refiner` that needs nothing but the item. `SettingsError` if there is no such language."""

    def __init__(self, language: str = DEFAULT) -> None:
        self._vocabulary = load_vocabulary(language)

    @property
    def version(self) -> str:
        """Of the rules and the word lists."""
        return f"fields-{RULES}-{self._vocabulary.version}"

    def refine(self, items: Sequence[Item], photos: Sequence[bytes | None]) -> list[Refined]:  # noqa: ARG002
        """One text per item; photos are not used."""
        return [self.text_of(item) for item in items]

    def text_of(self, item: Item) -> Refined:
        """The text of one item; the item's own where nothing is left of its fields."""
        text = field_text(item, self._vocabulary)
        return Refined(text, "fields", self.version) if text else Refined(item.text, "raw", self.version)

    def close(self) -> None:
        """Nothing is open."""


def field_text(item: Item, vocabulary: Vocabulary) -> str:
    """The cleaned title with the facts it lacks; without a title the facts, or the description's start."""
    facts = read_facts(item, vocabulary)
    values = [str(part) for value in item.attributes.values() for part in _parts(value)]
    keep = " ".join([facts.brand, facts.product_type, *values]).split()
    title = clean_title(without_instructions(plain(item.title[:READ_CHARS])), vocabulary, keep)
    text = complete(title, facts, vocabulary)
    if text:
        return text
    words = clean_title(
        without_instructions(plain(item.description[:READ_CHARS])).split(". ")[0], vocabulary, keep
    ).split()
    return " ".join(words[:DESCRIPTION_WORDS])


def complete(title: str, facts: ItemFacts, vocabulary: Vocabulary) -> str:
    """The title with the facts it does not name, each at its usual place."""
    words = title.split()
    maker = set(folded(facts.brand))
    start = next((place for place, word in enumerate(words) if not set(folded(word)) <= maker), len(words))
    end = len(words)
    while end > start and _hints(words[end - 1], facts.product_type):
        end -= 1
    brand = "" if _contains(title, facts.brand) else facts.brand
    audience = "" if vocabulary.named("audience", title) else facts.audience
    colour = "" if vocabulary.named("colour", title) else facts.colour
    looks = [word for word in (colour, facts.pattern, facts.material) if not _contains(title, word)]
    name = words[end:] or ([] if _hints(title, facts.product_type) else [facts.product_type])
    parts = [brand, *words[:start], audience, *words[start:end], *looks, *name]
    return " ".join(part for part in parts if part)


def _contains(text: str, phrase: str) -> bool:
    """Whether every word of the phrase is in the text."""
    return set(folded(phrase)) <= set(folded(text))


def _hints(text: str, product_type: str) -> bool:
    """Whether the text has a word of the type, or one that begins like it (Sari, Sarees; Deo, Deodorant)."""
    return any(_alike(word, type_word) for word in folded(text) for type_word in folded(product_type))


def _alike(first: str, second: str) -> bool:
    short, long = sorted((first, second), key=len)
    return len(short) >= 3 and (long.startswith(short) or first[:4] == second[:4])


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
