"""What names and values mean among variants. They are data: `variants.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("variants.toml")


@dataclass(frozen=True, slots=True)
class VariantWords:
    """The lists of `variants.toml`; names are plain, `first` and `sizes` have the place of each."""

    first: Mapping[str, int]
    never: frozenset[str]
    heads: frozenset[str]
    sizes: Mapping[str, int]
    kinds_of_rows: frozenset[str]
    kinds_of_heads: frozenset[str]
    never_last: frozenset[str]


@lru_cache(maxsize=1)
def variant_words() -> VariantWords:
    """The lists, read once."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return VariantWords(
        first={plain(name): place for place, name in reversed(list(enumerate(data["first"])))},
        never=frozenset(map(plain, data["never"])),
        heads=frozenset(map(plain, data["heads"])),
        sizes={size: place for place, size in enumerate(data["sizes"])},
        kinds_of_rows=frozenset(data["kinds_of_rows"]),
        kinds_of_heads=frozenset(data["kinds_of_heads"]),
        never_last=frozenset(data["never_last"]),
    )


@lru_cache(maxsize=10_000)
def plain(name: str) -> str:
    """A name without case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", name.casefold())
