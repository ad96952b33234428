"""Words as the rules compare them: folded to one form, and grouped into families of meaning.

Laws (tests/engine/refinement/test_words.py):
- `fold` ignores case, apostrophes, hyphens and plurals: T-Shirts is tshirt, Women's is women;
- a word belongs to at most one family of a kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vlclip.engine.language import load_language

KINDS = ("colour", "material", "pattern", "audience")
"""The kinds of fact whose words form families."""

WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """The form under which a word is compared."""
    plain = re.sub(r"['\u2019](?:s\b)?|-", "", word.casefold())
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if plain.endswith(ending) and len(plain) > len(ending) + 1:
            return plain.removesuffix(ending) + instead
    keep = len(plain) < 4 or plain.endswith(("ss", "us", "is"))
    return plain if keep else plain.removesuffix("s")


def folded(text: str) -> list[str]:
    """The words of a text in their order; a hyphenated word also gives its parts."""
    words = []
    for word in WORD.findall(text):
        words.append(fold(word))
        if "-" in word:
            words += [fold(part) for part in word.split("-")]
    return words


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`families[kind][word]` is the family of a folded word; `version` changes with the files."""

    families: Mapping[str, Mapping[str, str]]
    attributes: Mapping[str, tuple[str, ...]]
    nothing: frozenset[str]
    sizes: frozenset[str]
    known_brands: frozenset[str]
    slogans: re.Pattern[str]
    version: str

    def named(self, kind: str, text: str) -> dict[str, str]:
        """The words of this kind that a text names, each with its family."""
        family = self.families[kind]
        return {word: family[word] for word in folded(text) if word in family}


@lru_cache(maxsize=16)
def load_vocabulary(language: str) -> Vocabulary:
    """The words and slogans of a language. `SettingsError` if there is no such language."""
    data = load_language(language)
    tables = data.vocabulary
    return Vocabulary(
        families={kind: _by_word(tables[kind]) for kind in KINDS},
        attributes={kind: tuple(names) for kind, names in tables["attributes"].items()},
        nothing=frozenset(tables["nothing"]["words"]),
        sizes=frozenset(tables["size"]["words"]),
        known_brands=frozenset(fold(word) for word in tables["known_brands"]["words"]),
        slogans=_any_of(pattern for patterns in data.slogans.values() for pattern in patterns),
        version=data.version,
    )


def _by_word(families: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {fold(word): family for family, words in families.items() for word in words}


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(patterns, key=len, reverse=True)
    return re.compile(rf"(?<![\w%])(?:{'|'.join(longest_first)})(?![\w%])", re.IGNORECASE)
