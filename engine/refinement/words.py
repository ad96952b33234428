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

_CAPITAL = re.compile(r"(?<!\\)[A-Z]")

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


@lru_cache(maxsize=8192)
def folded(text: str) -> tuple[str, ...]:
    """The words of a text in their order; a hyphenated word also gives its parts."""
    words: list[str] = []
    for word in WORD.findall(text):
        words.append(fold(word))
        if "-" in word:
            words += [fold(part) for part in word.split("-")]
    return tuple(words)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`families[kind][word]` is the family of a folded word; `version` changes with the files."""

    families: Mapping[str, Mapping[str, str]]
    kinds_by_name: Mapping[str, tuple[str, ...]]
    nothing: frozenset[str]
    sizes: frozenset[str]
    known_brands: frozenset[str]
    slogans: re.Pattern[str]
    lower_slogans: re.Pattern[str]
    version: str

    def names(self, kind: str, folds: set[str]) -> bool:
        """Whether a word of this kind is among folded words."""
        return not folds.isdisjoint(self.families[kind])

    def facts_of(self, name: str) -> tuple[str, ...]:
        """The kinds of fact that shops keep under a name, which is in small letters alone."""
        return self.kinds_by_name.get(name, ())

    def without_slogans(self, text: str) -> str:
        """The text with a blank in the place of each slogan; small letters alone are searched faster."""
        if text.isascii() and not self.lower_slogans.search(text.lower()):
            return text
        return self.slogans.sub(" ", text)

    def named(self, kind: str, text: str) -> dict[str, str]:
        """The words of this kind that a text names, each with its family."""
        family = self.families[kind]
        return {word: family[word] for word in folded(text) if word in family}


@lru_cache(maxsize=16)
def load_vocabulary(language: str) -> Vocabulary:
    """The words and slogans of a language. `SettingsError` if there is no such language."""
    data = load_language(language)
    tables = data.vocabulary
    slogans = [pattern for patterns in data.slogans.values() for pattern in patterns]
    return Vocabulary(
        families={kind: _by_word(tables[kind]) for kind in KINDS},
        kinds_by_name=_by_name(tables["attributes"]),
        nothing=frozenset(tables["nothing"]["words"]),
        sizes=frozenset(tables["size"]["words"]),
        known_brands=frozenset(fold(word) for word in tables["known_brands"]["words"]),
        slogans=_any_of(slogans, re.IGNORECASE),
        lower_slogans=_any_of(slogans, re.IGNORECASE if any(map(_CAPITAL.search, slogans)) else 0),
        version=data.version,
    )


def _by_word(families: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {fold(word): family for family, words in families.items() for word in words}


def _by_name(attributes: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    kinds: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        for name in attributes[kind]:
            kinds[name] = (*kinds.get(name, ()), kind)
    return kinds


def _any_of(patterns: Iterable[str], flags: int) -> re.Pattern[str]:
    longest_first = sorted(patterns, key=len, reverse=True)
    return re.compile(rf"(?<![\w%])(?:{'|'.join(longest_first)})(?![\w%])", flags)
