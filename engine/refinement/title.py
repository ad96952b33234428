"""A seller's title, cleaned of what is not about the product.

Laws (tests/engine/refinement/test_title.py):
- cleaning a clean title changes nothing; cleaning twice equals cleaning once;
- every word of the result is a word of the title, apart from its case.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Sequence

from vlclip.engine.refinement.untrusted import plain
from vlclip.engine.refinement.words import Vocabulary, fold, folded

MARKUP = re.compile(r"<[^<>]{0,200}>")
LINK = re.compile(r"(?:https?://|www\.)\S+|[^\s@]{1,64}@[^\s@]{1,255}\.\w+", re.IGNORECASE)
SYMBOLS = re.compile(r"[^\w\s'&/.,:;%()+\"°#-]+|#(?!\w)")
SHOUTED_NEW = re.compile(r"[*~!>#=]{2,}\s*new\s*[*~!<#=]+|\bnew\s*!+", re.IGNORECASE)
LABELLED = re.compile(
    r"(?:\b(?:sku|art(?:icle|ikel)?|item|model|ref|style|code|id|asin|ean|upc)\b[ .]*"
    r"(?:no|nr|number|code)?[ .]*[:#-]+ *|\bart\.?[ -]?nr\.? *)(\S*\d\S*)",
    re.IGNORECASE,
)
LETTERS = ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "xxxxl")
SIZE = re.compile(
    r"\b(?:sz|size|sizes|grö(?:ß|ss)e|gr\.|taille|talla|taglia|maat)[ .:#-]*"
    r"(?:(?:eu|uk|us|it|fr)[ .-]?)?(?:\d{1,3}(?:[.,]5)?|\d?x{0,4}[sml])\b"
    r"|\b(?:eu|it|fr)[ -]?\d{2}(?:[.,]5)?\b|\b(?:uk|us)[ -]\d{1,2}(?:[.,]5)?\b"
    r"|\bx{0,4}[sml]-\d{2}\b"
    r"|(?P<range>\b(?:xx?s|[sml]|x{1,4}l)(?:\s*[/,|]\s*(?:xx?s|[sml]|x{1,4}l))+\b)"
    r"|(?<!\d )(?<![\w/-])(?:xx?s|x{1,4}l)(?![\w/-])"
    r"|(?<![^\s])\((?:x{0,4}[sml]|\d{2}(?:[.,]5)?)\)",
    re.IGNORECASE,
)
CODE = re.compile(
    r"[A-Z]{1,4}-\d{3,}/(?:xx?s|[sml]|x{1,4}l|\d{2})|\d{8,}|(?=(?:.*\d){8})(?=.*[A-Z])[A-Z0-9][A-Z0-9/.-]+",
    re.IGNORECASE,
)
"""Digits with a size behind a slash, or eight digits and more; a shorter code can be a model's name."""
DANGLING = frozenset(("for", "with", "and", "by", "in", "of", "from", "the", "or"))
ORDINARY = re.compile(
    r"(?:(?![xX]*[sSmMlL]\b)[A-Za-z]+(?:'[A-Za-z]+|-(?![xX]*[sSmMlL]\b)[A-Za-z]+)*(?: |$))*"
)
"""Words of letters alone, as most titles are, none of which can be a size."""
EDGES = " \t,.;:|/\\-_*~!?=<>+&"
MOST_PASSES = 4
"""One removal may make another possible; nearly always one pass is enough."""
STUFFED = 0.3
"""With a greater share of repeated words, a title counts as stuffed."""


def clean_title(title: str, vocabulary: Vocabulary, keep: Iterable[str] = ()) -> str:
    """The title without slogans, symbols, size and stock codes, repetition and shouting.

    `keep` are words of the item's other fields: a size or code among them stays, and they lend their
    case to a title that is all capitals. An ordinary title needs none of them, and they are not read.
    """
    is_calm = ORDINARY.fullmatch(title) and not any(map(_is_shouted, title.split()))
    spellings = {} if is_calm else {fold(word): word for word in keep}
    for _ in range(MOST_PASSES):
        cleaner = _cleaned(title, vocabulary, spellings)
        if cleaner == title:
            break
        title = cleaner
    return title


def _cleaned(title: str, vocabulary: Vocabulary, spellings: dict[str, str]) -> str:
    if ORDINARY.fullmatch(title):  # nothing to cut from a word, and no size, code or symbol among them
        text = vocabulary.without_slogans(title)
        return _without_loose_end(_without_repeats(_unshouted(text.split(), vocabulary, spellings)))
    text = plain(LINK.sub(" ", MARKUP.sub(" ", html.unescape(title))))
    text = vocabulary.without_slogans(SHOUTED_NEW.sub(" ", text))
    text = vocabulary.without_slogans(SYMBOLS.sub(" ", text))
    text = LABELLED.sub(lambda match: match[0] if fold(match[1]) in spellings else " ", text)
    text = " ".join(word for word in text.split() if not _is_code(word, spellings))
    text = SIZE.sub(lambda match: " " if _is_size(match, spellings) else match[0], text)
    text = re.sub(r"\(\s*\)|(?<=\()\s+|\s+(?=\))", "", text)
    return _without_loose_end(_without_repeats(_unshouted(text.split(), vocabulary, spellings)))


def _is_size(match: re.Match[str], own_words: Collection[str]) -> bool:
    """Whether a match is a size that no field has; L/S is a sleeve and M/M a plug, S/M/L are sizes."""
    letters = re.findall(r"\w+", match["range"] or "")
    places = [LETTERS.index(letter.casefold()) for letter in letters]
    if places != sorted(set(places)):
        return False
    words = [word for word in folded(match[0]) if word not in ("size", "sz")]
    return not all(word in own_words for word in words)


def _is_code(word: str, own_words: Collection[str]) -> bool:
    bare = word.strip(EDGES + "()")
    return bool(CODE.fullmatch(bare)) and fold(bare) not in own_words


def _unshouted(words: list[str], vocabulary: Vocabulary, spellings: dict[str, str]) -> list[str]:
    """Words in title case where most of them are capitals; a word of another field takes its case."""
    if not any(map(_is_shouted, words)):
        return words
    letters = [word for word in words if len(word) > 3 and _alphabetic(word)]
    if sum(word.isupper() for word in letters) <= 0.6 * len(letters):
        return words
    return [
        _calm(word, vocabulary, spellings) if word.isupper() and _alphabetic(word) else word for word in words
    ]


def _is_shouted(word: str) -> bool:
    return word.isupper() and len(word) > 3


def _alphabetic(word: str) -> bool:
    return re.fullmatch(r"[^\W\d_]+(?:['-][^\W\d_]+)*'?[,;]?", word) is not None


def _calm(word: str, vocabulary: Vocabulary, spellings: dict[str, str]) -> str:
    spelled = spellings.get(fold(word))
    if spelled is not None and spelled.casefold() == word.casefold() and not spelled.islower():
        return spelled
    families = vocabulary.families.values()
    acronym = len(word) < 4 and not any(fold(word) in family for family in families)
    return word if acronym else "-".join(part.capitalize() for part in word.split("-"))


def _without_repeats(words: list[str]) -> list[str]:
    """The words without repetition.

    A word may come twice (Jungle Book ... in the Jungle), but not twice in a row, and not as both the first
    and the last word. A title is stuffed where almost a third of its words, or three words in a row, came
    before: then each word stays only where it came first.
    """
    marks = [fold(word.strip(EDGES + "()\"'")) for word in words]
    if len(set(marks)) == len(marks):
        return words
    again = [len(mark) > 2 and mark.isalpha() and mark in marks[:place] for place, mark in enumerate(marks)]
    stuffed = sum(again) > max(1, STUFFED * len(words)) or _runs(marks)
    return [
        word
        for place, word in enumerate(words)
        if not (again[place] and (stuffed or marks[place] == marks[place - 1] or _echo(marks, place)))
    ]


def _echo(marks: Sequence[str], place: int) -> bool:
    return place == len(marks) - 1 and marks[place] == marks[0]


def _runs(marks: Sequence[str]) -> bool:
    """Whether three words in a row come twice."""
    runs = list(zip(marks, marks[1:], marks[2:], strict=False))
    return len(set(runs)) < len(runs)


def _without_loose_end(words: list[str]) -> str:
    """The words without bare punctuation and without a last word such as "for" or "with"."""
    words = [word for word in words if any(map(str.isalnum, word)) or word in ("&", "+", "-", "/")]
    while words and (words[-1].casefold() in DANGLING or not any(map(str.isalnum, words[-1]))):
        words.pop()
    return " ".join(words).strip(EDGES)
