"""A text from the item's fields alone: no endpoint, no cost, the same every time.

The cleaned title keeps its order, because a model trained on titles reads them best that way. What the
fields say and the title does not is added where titles have it: brand and audience first; colour, pattern
and material before the product's name or at the end; then the type. On 4,076 products this found the photo
more often than any order that begins with the type (docs/refine.md). A text that is short even then, such as
the name of a series, goes on with the first words of the description. Longer texts do not gain by them.

Laws (tests/engine/refinement/test_fields.py):
- a clean title of `ENOUGH_WORDS` or more that holds all that the fields say is unchanged;
- refining twice equals refining once; every word of the text is a word of a field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlclip.engine.item import Item
from vlclip.engine.language import DEFAULT
from vlclip.engine.refinement.facts import ItemFacts, read_facts
from vlclip.engine.refinement.refined import Refined
from vlclip.engine.refinement.title import clean_title
from vlclip.engine.refinement.untrusted import plain, without_instructions
from vlclip.engine.refinement.words import Vocabulary, folded, load_vocabulary

RULES = 2
"""Raise it by hand with any change of a rule that changes texts."""

ENOUGH_WORDS = 4
"""A text of fewer words goes on with the description, up to `WORDS_WITH_DESCRIPTION`."""
WORDS_WITH_DESCRIPTION = 8
DESCRIPTION_WORDS = 24
"""Of a description that is all there is."""
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
    """The cleaned title with the facts it lacks; where that is short or nothing, the description's start."""
    facts = read_facts(item, vocabulary)
    title = without_instructions(plain(item.title[:READ_CHARS]))
    title = clean_title(title, vocabulary, _other_words(item, facts))
    text = complete(title, facts, vocabulary)
    count = text.count(" ") + 1
    if (text and count >= ENOUGH_WORDS) or not item.description:
        return text
    start = without_instructions(plain(item.description[:READ_CHARS]))
    keep = list(_other_words(item, facts))
    if not text:
        words = clean_title(start.split(". ")[0], vocabulary, keep).split()
        if len(words) >= ENOUGH_WORDS:
            return " ".join(words[:DESCRIPTION_WORDS])
        return " ".join(clean_title(start, vocabulary, keep).split()[:WORDS_WITH_DESCRIPTION])
    start = " ".join(clean_title(start, vocabulary, keep).split()[: WORDS_WITH_DESCRIPTION - count])
    return text if _contains(text, start) else clean_title(f"{text} {start}", vocabulary, keep)


def _other_words(item: Item, facts: ItemFacts) -> Iterator[str]:
    """The words of the fields other than title and description."""
    yield from facts.brand.split()
    yield from facts.product_type.split()
    for value in item.attributes.values():
        for part in value if isinstance(value, tuple) else (value,):
            yield from str(part).split()


def complete(title: str, facts: ItemFacts, vocabulary: Vocabulary) -> str:
    """The title with the facts it does not name, each at its usual place."""
    words = title.split()
    maker = set(folded(facts.brand))
    start = next((place for place, word in enumerate(words) if not set(folded(word)) <= maker), len(words))
    end = len(words)
    while end > start and _hints(words[end - 1], facts.product_type):
        end -= 1
    folds = set(folded(title))
    brand = "" if folds.issuperset(folded(facts.brand)) else facts.brand
    audience = "" if vocabulary.names("audience", folds) else facts.audience
    colour = "" if vocabulary.names("colour", folds) else facts.colour
    looks = [word for word in (colour, facts.pattern, facts.material) if not folds.issuperset(folded(word))]
    name = words[end:] or ([] if _hints(title, facts.product_type) else [facts.product_type])
    parts = [brand, *words[:start], audience, *words[start:end], *looks, *name]
    return " ".join(part for part in parts if part)


def _contains(text: str, phrase: str) -> bool:
    """Whether every word of the phrase is in the text."""
    return set(folded(phrase)) <= set(folded(text))


def _hints(text: str, product_type: str) -> bool:
    """Whether the text has a word of the type, or one that begins like it (Sari, Sarees; Deo, Deodorant)."""
    type_words = folded(product_type)
    return any(_alike(word, type_word) for word in folded(text) for type_word in type_words)


def _alike(first: str, second: str) -> bool:
    if len(first) < 3 or len(second) < 3:
        return first == second
    return first[:4] == second[:4] or first.startswith(second) or second.startswith(first)
