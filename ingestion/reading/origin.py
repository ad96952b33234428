"""Where the fields of an item come from: a column, keys of its objects, or a template of several columns.

Laws (tests/ingestion/reading/test_mapping.py):
- a template with an absent part is absent;
- of the objects of a column the first value under one of the keys counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vlclip.ingestion.errors import MappingError
from vlclip.ingestion.reading import objects, values
from vlclip.ingestion.reading.group_column import SLOT

Cells = Mapping[str, Any]
"""One row: column to value."""

FIELDS = (
    "id", "title", "description", "product_type", "brand", "price", "price_to", "sale_price", "currency",
    "image", "photos", "popularity", "available", "updated_at", "group",
    "group_title",
)  # fmt: skip
"""The fields of an item a column can feed; every other column is an attribute.

`sale_price` is no field of its own: where it is lower it is the price, and the other one is kept as an
attribute.
"""
PRICES = ("price", "sale_price", "price_to")


@dataclass(frozen=True, slots=True)
class Origin:
    """A column, or a template such as `images/{Id}.webp`.

    `optional` marks a guessed photo path: a file that is not there means the row has no photo.
    `keys` are those of the column's objects that hold the field, as in the offers of schema.org; the first
    value there counts. `each` are columns that are read one after another, as those of photos are.
    """

    template: str
    column: str = ""
    optional: bool = False
    keys: tuple[str, ...] = ()
    each: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return self.each or ((self.column,) if self.column else tuple(SLOT.findall(self.template)))

    @property
    def as_template(self) -> str:
        """A template that reads the same."""
        return f"{{{self.column}}}" if self.column else self.template

    def value(self, row: Cells) -> Any:
        """The field's raw value in one row; a template with an absent part is absent."""
        if self.keys:
            return objects.first_value(row.get(self.column), self.keys)
        if self.column:
            return row.get(self.column)
        parts = {name: row.get(name) for name in SLOT.findall(self.template)}
        if any(values.absent(part) for part in parts.values()):
            return None
        return SLOT.sub(lambda slot: values.identifier(parts[slot[1]]), self.template)


def parse_map(options: Iterable[str]) -> dict[str, str]:
    """The command line's `field=column` options as field to column or template.

    An empty right side, `brand=`, leaves the field empty instead of guessing it.
    """
    mapping: dict[str, str] = {}
    for option in options:
        name, sign, column = option.partition("=")
        if not sign or not name.strip():
            raise MappingError(f"cannot read the mapping {option!r}; write field=column, as in title=Name")
        mapping[name.strip()] = column.strip()
    return mapping
