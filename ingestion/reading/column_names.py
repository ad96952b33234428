"""Names of columns in other languages than English: data in `columns.toml`.

Laws (tests/ingestion/reading/test_column_names.py):
- a name feeds one field only within a language, and none of these names comes before an English one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from vlclip.ingestion.reading.group_column import plain_name

DATA = Path(__file__).with_name("columns.toml")
SOLD_OUT = "sold_out"
"""The part of the data with names of columns in which "yes" means that something cannot be bought."""
CODES = "codes"
"""The part of the data with names that are ids only where no two are the same."""


@lru_cache(maxsize=1)
def foreign_names() -> Mapping[str, tuple[str, ...]]:
    """Field, or `CODES`, to the names of its columns, as `plain_name` writes them, likeliest first."""
    names: dict[str, dict[str, None]] = {}
    for fields in tomllib.loads(DATA.read_text(encoding="utf-8")).values():
        for field, written in fields.items():
            names.setdefault(field, {}).update(dict.fromkeys(map(plain_name, written)))
    return {field: tuple(of_field) for field, of_field in names.items()}


@lru_cache(maxsize=1)
def sold_out_columns() -> frozenset[str]:
    """Names of columns such as `sold_out`, as `plain_name` writes them."""
    return frozenset(foreign_names()[SOLD_OUT])
