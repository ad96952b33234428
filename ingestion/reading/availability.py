"""Whether an item can be bought, from the words, numbers and schema.org names that shops write.

The words are data, by language: `availability.toml`, and `delivery.toml` for delivery times.

Laws (tests/ingestion/reading/test_availability.py):
- case, accents, blanks, hyphens, underscores and the prefix of schema.org never change the meaning of a word;
- what says when an item comes says that it can be bought: "ships in 2 weeks", "Lieferzeit 3-5 Werktage";
- a number is a stock count: more than none is available; "0 in stock" is not;
- words beside a known one ("Artikel leider ausverkauft") change nothing if the data has them as such;
- a word that the data does not have is unknown; it is never guessed from its parts.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

WORDS = Path(__file__).with_name("availability.toml")
DELIVERY = Path(__file__).with_name("delivery.toml")
SWITCHES = "switches"
"""The table of the data with words for yes and no."""
LONGEST_WORD = 60
"""Characters of an unknown word that a note shows."""

_PREFIX = re.compile(r"^\s*(https?://(www\.)?schema\.org/|schema:)", re.IGNORECASE)
_COUNT = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)*")
_RANGE = re.compile(r"(?<=\d)\s+(?:to|or|bis|à|ou|a|al?|o|tot|of|do|lub)\s+(?=\d)", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+]?(\d+(?:[.,]\d+)*|\.\d+)\s*")
_MANY_MEANINGS = frozenset(
    ("none", "out", "never", "empty", "expected", "reserved", "inactive", "disabled", "retired", "obsolete",
     "sold", "zero", "nil", "withdrawn", "limited", "brak", "terminato", "vervallen")
)  # fmt: skip
"""Words that say something else in other columns."""
_UMLAUTS = str.maketrans({umlaut: f"{plain}e" for umlaut, plain in zip("äöü", "aou", strict=True)})
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d"})
"""Letters that Unicode does not take apart into a plain letter and a mark."""


def read_availability(value: Any) -> bool | None:
    """Whether the item can be bought; None where the cell is an unknown word or no word at all."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return None if math.isnan(value) else value > 0
    if not isinstance(value, str):
        return None
    written = _PREFIX.sub("", unicodedata.normalize("NFKC", value)).replace("\u2212", "-")
    return _is_positive(written) if _NUMBER.fullmatch(written) else _of_words(written)


def _of_words(written: str) -> bool | None:
    """What a text says that is more than a number."""
    counts = _COUNT.findall(written)
    word = _plain(_COUNT.sub(" ", _RANGE.sub("-", written)))
    if not word:
        return _is_positive(counts[0]) if len(counts) == 1 else None
    if counts and word in _delivery_words():
        return True
    meaning = _words().get(word)
    if meaning is None:
        meaning = _words().get(_without_beside(_COUNT.sub(" ", written)))
    return meaning and not (len(counts) == 1 and not _is_positive(counts[0]))


def read_sold_out(value: Any) -> bool | None:
    """Whether the item can be bought, from a column such as `sold_out`, where "yes" means that it cannot."""
    available = read_availability(value)
    is_switch = not isinstance(value, str) or _NUMBER.fullmatch(value) or _plain(value) in _switches()
    return not available if is_switch and available is not None else available


def says_sold_out(value: Any) -> bool:
    """Whether a text says by words of its own, not by "no" or "none", that something cannot be bought."""
    if not isinstance(value, str) or read_availability(value) is not False:
        return False
    return bool(_plain(_COUNT.sub("", value))) and _plain(value) not in _switches() | _MANY_MEANINGS


def unknown_word(value: Any) -> str:
    """The word as a note shows it: numbers left out, so that rows with the same word are counted together."""
    words = " ".join(_COUNT.sub("…", str(value)).split())
    return words if len(words) <= LONGEST_WORD else f"{words[:LONGEST_WORD]}…"


def _is_positive(count: str) -> bool:
    return "-" not in count and any(digit in "123456789" for digit in count)


def _plain(text: str) -> str:
    """The text's letters and digits alone: no case, accents or punctuation."""
    folded = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return "".join(character for character in folded if character.isalnum())


def _without_beside(text: str) -> str:
    """The plain words of a text without those that change nothing."""
    words = [plain for word in re.split(r"[\W_]+", text) if (plain := _plain(word))]
    return "".join(word for word in words if word not in _beside())


@lru_cache(maxsize=1)
def _lists() -> Mapping[str, Mapping[str, list[str]]]:
    return tomllib.loads(WORDS.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _beside() -> frozenset[str]:
    words = (word for lists in _lists().values() for word in lists.get("beside", ()))
    return frozenset(_plain(spelling) for word in words for spelling in (word, word.translate(_UMLAUTS)))


@lru_cache(maxsize=1)
def _switches() -> frozenset[str]:
    return frozenset(_plain(word) for words in _lists()[SWITCHES].values() for word in words)


@lru_cache(maxsize=1)
def _words() -> Mapping[str, bool]:
    """Every known word in its plain form; a word with two meanings in the data is an error."""
    meanings: dict[str, bool] = {}
    for language, lists in _lists().items():
        for name in ("available", "unavailable"):
            for word in lists.get(name, ()):
                meaning = name == "available"
                for spelling in dict.fromkeys((word, word.translate(_UMLAUTS))):
                    if meanings.setdefault(_plain(spelling), meaning) is not meaning:
                        raise ValueError(f"{WORDS.name}: {word!r} in [{language}] has two meanings")
    return meanings


@lru_cache(maxsize=1)
def _delivery_words() -> frozenset[str]:
    """Every phrase with every unit, and the units alone, in their plain form."""
    languages = tomllib.loads(DELIVERY.read_text(encoding="utf-8")).values()
    return frozenset(
        _plain(spelling)
        for lists in languages
        for phrase in ("{}", *lists["phrases"])
        for unit in lists["units"]
        for spelling in (phrase.format(unit), phrase.format(unit).translate(_UMLAUTS))
    )
