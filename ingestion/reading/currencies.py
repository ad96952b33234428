"""Currencies: their codes, how shops write them, and how many decimals their prices have.

They are data: `currencies.toml`.

Laws (tests/ingestion/reading/test_currencies.py):
- every mark stands for one currency; a code is a mark of its own;
- a mark that several currencies share gives way to a code beside it;
- capital and small letters are one, in Turkish too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_ONE_I = str.maketrans({"\u0131": "i", "\u0307": None})
DATA = Path(__file__).with_name("currencies.toml")


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: `code` is that of ISO 4217, `comma` says that its decimal sign at home is a comma."""

    code: str
    decimals: int = 2
    comma: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """What a mark says: `code` may be the mark as it is written, where no currency can be taken for granted.

    `is_shared`: a code beside the mark wins. `is_minor`: it marks hundredth parts, as cents are.
    """

    code: str
    is_shared: bool = False
    is_minor: bool = False


@lru_cache(maxsize=1)
def currencies() -> Mapping[str, Currency]:
    """Every currency that the data describes, by code."""
    return {
        code: Currency(code, entry.get("decimals", 2), entry.get("comma", False))
        for code, entry in _entries().items()
        if code.isupper()
    }


@lru_cache(maxsize=1)
def marks() -> Mapping[str, Mark]:
    """Every mark of the data, as `folded` writes it; a mark with two meanings is an error."""
    meanings: dict[str, Mark] = {}

    def add(written: str, mark: Mark) -> None:
        if meanings.setdefault(folded(written), mark) != mark:
            raise ValueError(f"{DATA.name}: {written!r} has two meanings")

    for code in currencies():
        entry = _entries()[code]
        for written in (code, *entry.get("marks", ())):
            add(written, Mark(code))
        for written in entry.get("shared", ()):
            add(written, Mark(code, is_shared=True))
        for written in entry.get("minor", ()):
            add(written, Mark(code, is_shared=True, is_minor=True))
    for written in _entries()["as_written"]["marks"]:
        add(written, Mark(written, is_shared=True))
    return meanings


def folded(written: str) -> str:
    """The text in one case: all that is left of Turkish's dotted and dotless i is an i."""
    return written.casefold().translate(_ONE_I)


@lru_cache(maxsize=1)
def further_codes() -> frozenset[str]:
    """Codes that count in capital letters only."""
    return frozenset(_entries()["codes"]["others"].split())


@lru_cache(maxsize=1)
def _entries() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(DATA.read_text(encoding="utf-8"))
