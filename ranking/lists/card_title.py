"""What a card is called: as its product is, else with what the titles of all its variants begin with.

Laws (tests/ranking/lists/test_card_title.py):
- a title is the group's own, the one of the item that stands for the product, or a beginning of every
  variant's title, whatever the case of its letters;
- a beginning ends where a word ends, with a letter, a digit or the mark after one, and has at least two;
- variants with one title are called by it, letter for letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from vlclip.ranking.lists.variant_words import plain, variant_words

BREAKS = ",;:|()[]{}（）［］【】「」、，；：｜"  # noqa: RUF001
"""Marks that end a word, unless they stand in a number."""
DASHES = "-‐‑–—_/"  # noqa: RUF001
"""Marks that end a word at a blank; the slash also after a word of `WORD` letters."""
WORD = 3
_PAIRS = dict(zip("([{（［【「", ")]}）］】」", strict=True))  # noqa: RUF001


def card_title(
    variants: Sequence[Mapping[str, Any]], head: Mapping[str, Any] | None, names: Collection[str]
) -> str:
    """The title of a group by the payloads of its variants and of its head; "" where they share none.

    `names` are the attributes in which the variants differ.
    """
    own = Counter(text for payload in variants if (text := _text(payload.get("group_title"))))
    if own:
        return own.most_common(1)[0][0]
    return _text((head or {}).get("title")) or common_beginning(
        (_text(payload.get("title")) for payload in variants), names
    )


def common_beginning(titles: Iterable[str], names: Collection[str] = ()) -> str:
    """The words with which all titles that are not empty begin, in the first one's letters; "" for none."""
    texts = list(dict.fromkeys(filter(None, titles)))
    if len(texts) < 2:
        return "".join(texts)
    texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    end = min((_shared(texts[0], text) for text in texts[1:]), default=len(texts[0]))
    for ends_word in (_ends_word, _ends_part):
        place = next((n for n in range(end, 0, -1) if all(ends_word(text, n) for text in texts)), 0)
        if title := _trimmed(texts[0][:place], frozenset(map(plain, names))):
            return title
    return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _shared(text: str, other: str) -> int:
    """How many letters two texts have in common at their beginning."""
    pairs = zip(text, other, strict=False)
    differing = (n for n, (a, b) in enumerate(pairs) if a != b and a.casefold() != b.casefold())
    return next(differing, min(len(text), len(other)))


def _ends_word(text: str, place: int) -> bool:
    """Whether a word ends before this place, or what parts two words."""
    if place >= len(text):
        return True
    before, after = text[place - 1], text[place]
    if before == " " or after == " ":
        return True
    if after == "/" or before == "/":
        return re.search(rf"[^\W\d_]{{{WORD}}}/?$", text[:place]) is not None
    is_in_number = re.search(r"\d[,:;]?$", text[:place]) and re.match(r"[,:;]?\d", text[place:])
    return (before in BREAKS or after in BREAKS) and not is_in_number


def _ends_part(text: str, place: int) -> bool:
    """Whether a part of the last word ends before this place, as in `hoodie-blue`."""
    is_whole = place >= len(text) or (text[place] in DASHES and " " not in text[place:])
    return is_whole and re.search(rf"[^\W\d_]{{{WORD}}}$", text[:place]) is not None


def _trimmed(text: str, names: Collection[str]) -> str:
    """The text without what parts, opens or leads to something; "" where hardly anything is left."""
    while True:
        words = text.split()
        while words and not any(map(str.isalnum, words[-1])):
            words.pop()
        trimmed = " ".join(words).rstrip(f" {DASHES}{BREAKS[:5]}[{{，、；：｜（［【「")  # noqa: RUF001
        trimmed = trimmed[: _unclosed(trimmed)]
        if _leads_on(trimmed.rpartition(" ")[2], names):
            trimmed = trimmed.rpartition(" ")[0]
        if trimmed == text:
            return text if sum(map(str.isalnum, text)) > 1 else ""
        text = trimmed


def _leads_on(word: str, names: Collection[str]) -> bool:
    """Whether a last word names an attribute of what follows, or leads to it: `Size`, `for`."""
    never_last = variant_words().never_last
    return plain(word) in names or word in never_last or (len(word) > 2 and word.lower() in never_last)


def _unclosed(text: str) -> int:
    """The place of the first bracket that is not closed, else the length."""
    waiting: list[tuple[int, str]] = []
    for place, letter in enumerate(text):
        if letter in _PAIRS:
            waiting.append((place, _PAIRS[letter]))
        elif waiting and letter == waiting[-1][1]:
            waiting.pop()
    return waiting[0][0] if waiting else len(text)
