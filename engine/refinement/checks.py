"""Whether a model's text may stand for an item: its shape, its length, and that the item backs its words.

This is the last line of defence against product text that steers the model, and against models that
invent. It checks what needs no knowledge of the world: brands (capitalised words and a list of
much-copied makers), numbers, sizes, and the words for colours, materials, patterns and audiences. A photo
may add such a word where the fields name none of its kind; it never overrules the fields.

Law (tests/engine/refinement/test_checks.py): a text made of the item's own words, in lower case and
within the length, passes.
"""

from __future__ import annotations

import re

from vlclip.engine.item import Item
from vlclip.engine.refinement.facts import backing_text
from vlclip.engine.refinement.prompt import echoes_a_prompt
from vlclip.engine.refinement.words import KINDS, WORD, Vocabulary, fold, folded

MOST_WORDS = 60
MOST_CHARS = 400
MOST_REPEATS = 3

_MARKUP = re.compile(
    r"[<>{}\[\]|`\\*_\ufffd]|https?:|www\.|\S@\S|#\w|\b(?:system|assistant|user|product|text)\s*:",
    re.IGNORECASE,
)
_ABOUT_ITSELF = re.compile(
    r"""
      \b(?: sorry | as\ an\ ai | language\ model | unable\ to | please\ provide
        | i\ (?:cannot|can\ not|can['\u2019]t|am\ unable|will\ not|won['\u2019]t)
        | cannot\ (?:assist|help|comply)
        | here(?:\ is|['\u2019]s)\ (?:the|an?|your) | no\ (?:image|photo|data)\ (?:was|is|has)
        | the\ (?:photo|image|picture)\ shows | verdict | critique | json | prompt | instructions? )\b
    | \b(?:sure|certainly|of\ course)[,!]
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def check_text(text: str, item: Item, vocabulary: Vocabulary, *, with_photo: bool) -> str:
    """Why the text may not stand for the item, as an order that a model can follow; "" if it may.

    `with_photo` says that the model got the photo too.
    """
    return _shape(text, vocabulary) or _invention(text, item, vocabulary, with_photo=with_photo)


def tidy(answer: str) -> str:
    """A model's answer without its thoughts, quotation marks and blanks around the line."""
    text = re.sub(r"\A\s*<think>.*?</think>", "", answer, flags=re.DOTALL).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _shape(text: str, vocabulary: Vocabulary) -> str:
    words = [fold(word) for word in WORD.findall(text)]
    often = (words.count(word) for word in set(words) if len(word) > 2)
    faults = (
        (not words, "it is empty; write the line"),
        ("\n" in text or not text.isprintable(), "it has more than one line; write one line"),
        (
            len(text) > MOST_CHARS or len(words) > MOST_WORDS,
            f"it is too long; write at most {MOST_WORDS} words",
        ),
        (_MARKUP.search(text), "it has markup, an address or a role in it; write plain words"),
        (
            _ABOUT_ITSELF.search(text) or echoes_a_prompt(text),
            "it is not about the product alone; write what the product is and looks like",
        ),
        (
            vocabulary.slogans.search(text),
            "it has advertising in it; write what the product is and looks like",
        ),
        (max(often, default=0) > MOST_REPEATS, "it repeats itself; say each thing once"),
    )
    return next((reason for fault, reason in faults if fault), "")


def _invention(text: str, item: Item, vocabulary: Vocabulary, *, with_photo: bool) -> str:
    backing = backing_text(item)
    item_words = set(folded(backing))
    long_words = [word for word in folded(text) if len(word) > 2]
    if item_words and item_words.isdisjoint(long_words) and _in_latin(backing):
        return "it shares no word with the product's data; say what the product is"
    if names := _names(text, item, item_words, vocabulary):
        return f"it names {names}, which the product's data do not; leave it out or write it in lower case"
    figures: set[str] = set(_NUMBER.findall(text))
    if numbers := figures - set(_NUMBER.findall(backing)):
        return f"it says {min(numbers)}, a number the product's data do not have; leave it out"
    if sizes := vocabulary.sizes & set(folded(text)) - item_words:
        return f"it says {min(sizes)}, a size the product's data do not have; leave it out"
    for kind in KINDS:
        if reason := _contradiction(kind, text, backing, vocabulary, with_photo=with_photo):
            return reason
    return ""


def _names(text: str, item: Item, item_words: set[str], vocabulary: Vocabulary) -> str:
    """A name in the text that is not one of the item's, or ""."""
    words: list[str] = WORD.findall(text)
    makers = item_words
    if item.brand:  # another maker may stand in the description ("fits ..."), but not for the item's own
        makers = set(folded(backing_text(item, description=False)))
    for place, word in enumerate(words):
        folds = set(folded(word))
        if folds & vocabulary.known_brands and not folds & vocabulary.known_brands <= makers:
            return word
        capital = word[0].isupper() and place > 0 and not re.match(r"[A-Z]-", word)
        if capital and not folds & item_words and not any(vocabulary.named(kind, word) for kind in KINDS):
            return word
    return ""


def _contradiction(kind: str, text: str, backing: str, vocabulary: Vocabulary, *, with_photo: bool) -> str:
    families = vocabulary.named(kind, backing)
    for word, family in vocabulary.named(kind, text).items():
        if word in families or "multi" in families.values():
            continue
        if not with_photo:
            return f"it says {word}, a {kind} the product's data do not name; leave it out"
        if families and family not in families.values():
            names = ", ".join(families)
            return f"it says {word}, but the product's data name another {kind}; keep to {names}"
    return ""


def _in_latin(text: str) -> bool:
    """Whether a text has words of Latin letters, which a line about it would share."""
    return re.search(r"[a-z]{3}", text, re.IGNORECASE) is not None
