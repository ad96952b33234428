"""Whether a model's text may stand for an item: shape, length, and nothing the item does not back.

The last line of defence against product text that steers the model, and against models that invent.
What can be checked without knowing the world: brands (capitalised words and a list of much-copied
makers), numbers, sizes, and the words for colours, materials, patterns and audiences. A photo may add
such a word where the fields name none of its kind; it never overrules them.

Law (tests/engine/refinement/test_checks.py): a text made of the item's own words, in lower case and
within the length, passes.
"""

from __future__ import annotations

import re

from vlclip.engine.item import Item
from vlclip.engine.refinement.facts import told
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


def check_text(text: str, item: Item, vocabulary: Vocabulary, *, seen: bool) -> str:
    """Why the text may not stand for the item, in words a model can mend it by; "" if it may.

    `seen` says that the model was shown the photo.
    """
    return _shape(text, vocabulary) or _invention(text, item, vocabulary, seen=seen)


def tidy(answer: str) -> str:
    """A model's answer without what models put around a line: thoughts, quotes, blanks."""
    text = re.sub(r"\A\s*<think>.*?</think>", "", answer, flags=re.DOTALL).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _shape(text: str, vocabulary: Vocabulary) -> str:
    said = [fold(word) for word in WORD.findall(text)]
    often = (said.count(word) for word in set(said) if len(word) > 2)
    faults = (
        (not said, "it is empty; write the line"),
        ("\n" in text or not text.isprintable(), "it has more than one line; write one line"),
        (
            len(text) > MOST_CHARS or len(said) > MOST_WORDS,
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


def _invention(text: str, item: Item, vocabulary: Vocabulary, *, seen: bool) -> str:
    backing = told(item)
    known = set(folded(backing))
    if known and known.isdisjoint(word for word in folded(text) if len(word) > 2) and _in_letters(backing):
        return "it shares no word with the product's data; say what the product is"
    if names := _names(text, item, known, vocabulary):
        return f"it names {names}, which the product's data do not; leave it out or write it in lower case"
    said: set[str] = set(_NUMBER.findall(text))
    if numbers := said - set(_NUMBER.findall(backing)):
        return f"it says {min(numbers)}, a number the product's data do not have; leave it out"
    if sizes := vocabulary.sizes & set(folded(text)) - known:
        return f"it says {min(sizes)}, a size the product's data do not have; leave it out"
    for kind in KINDS:
        if reason := _contradiction(kind, text, backing, vocabulary, seen=seen):
            return reason
    return ""


def _names(text: str, item: Item, known: set[str], vocabulary: Vocabulary) -> str:
    """A name in the text that is not one of the item's, or ""."""
    words: list[str] = WORD.findall(text)
    makers = known
    if item.brand:  # another maker may stand in the description ("fits ..."), but not for the item's own
        makers = set(folded(told(item, description=False)))
    for place, word in enumerate(words):
        folds = set(folded(word))
        if folds & vocabulary.known_brands and not folds & vocabulary.known_brands <= makers:
            return word
        capital = word[0].isupper() and place > 0 and not re.match(r"[A-Z]-", word)
        if capital and not folds & known and not any(vocabulary.named(kind, word) for kind in KINDS):
            return word
    return ""


def _contradiction(kind: str, text: str, backing: str, vocabulary: Vocabulary, *, seen: bool) -> str:
    given = vocabulary.named(kind, backing)
    for word, family in vocabulary.named(kind, text).items():
        if word in given or "multi" in given.values():
            continue
        if not seen:
            return f"it says {word}, a {kind} the product's data do not name; leave it out"
        if given and family not in given.values():
            return f"it says {word}, but the product's data name another {kind}; keep to {', '.join(given)}"
    return ""


def _in_letters(text: str) -> bool:
    """Whether a text has words of Latin letters, which a line about it would share."""
    return re.search(r"[a-z]{3}", text, re.IGNORECASE) is not None
