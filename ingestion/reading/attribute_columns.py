"""The columns that feed no field, read as attributes.

Laws (tests/ingestion/reading/test_mapping.py):
- a cell that is given is an attribute, or a warning names its column;
- a column of numbers and texts holds texts; a number in a file without types is one only where its column is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vlclip.engine.filters import coerce
from vlclip.engine.item import PAYLOAD_FIELDS, Attribute
from vlclip.ingestion.reading import objects, values
from vlclip.ingestion.reading.listed import read_list
from vlclip.ingestion.reading.origin import Cells

MORE = "holds objects, of which only the text is kept"
MAX_PARTS = 20
"""Values of one object that become attributes of their own."""
_AWKWARD = re.compile(r'[.\[\]"<>=!]')

Pairs = list[tuple[str, Attribute]]


@dataclass(frozen=True, slots=True)
class AttributeColumns:
    """`names` maps the columns that feed no field to attribute names.

    `numeric` are those among them that hold numbers in a file without types, with their decimal sign. Numbers
    in `mixed` columns are written as text, as the other values there. `nested` is the column whose JSON
    object holds more attributes. `parted` are columns of tags, whose separators part values.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    nested: str = ""
    numeric: Mapping[str, str] = field(default_factory=dict)
    mixed: frozenset[str] = frozenset()
    parted: frozenset[str] = frozenset()

    def read(self, row: Cells, language: str, warnings: list[str]) -> Iterator[tuple[str, Attribute]]:
        """Attributes and their values in one row, without those of the nested object."""
        for column, name in self.names.items():
            cell = row.get(column)
            if cell is None or cell == "":
                continue
            value = self._attribute(column, cell, warnings)
            if value is not None:
                yield name, value
            elif objects.holds_objects(cell):
                yield from _of_objects(column, name, cell, language, warnings)

    def read_nested(self, row: Cells, warnings: list[str]) -> dict[str, Attribute]:
        """The values of the nested object, one level deep, under its own names."""
        attributes: dict[str, Attribute] = {}
        cell = row.get(self.nested) if self.nested else None
        if values.absent(cell):
            return attributes
        content = objects.read_object(cell)
        if content is None:
            warnings.append(f"{self.nested} is not a JSON object; left out")
            return attributes
        for key, value in content.items():
            name = str(key).strip()
            if not name or values.absent(value):
                continue
            attribute = values.attribute(value)
            if attribute is None:
                warnings.append(f"{self.nested} holds objects deeper than one level; left out")
            else:
                attributes[name] = attribute
        return attributes

    def _attribute(self, column: str, value: Any, warnings: list[str]) -> Attribute | None:
        if type(value) is not str and values.absent(value):
            return None
        if column in self.numeric and isinstance(value, str):
            if not value.strip():
                return None
            number = values.written_number(value, self.numeric[column])
            if number is not None:
                return number
            warnings.append(f"{column} holds numbers but not here; kept as text")
        if isinstance(value, str) and (column in self.parted or value.lstrip()[:1] == "["):
            parts = read_list(value, is_parted=column in self.parted)
            if parts is not None:
                return parts if len(parts) > 1 or value.lstrip()[:1] == "[" else parts[0]
        attribute = values.attribute(value)
        if attribute is None and type(value) is not str and not objects.holds_objects(value):
            warnings.append(f"{column} is neither a value nor a list of values; left out")
        return _as_text(attribute) if column in self.mixed else attribute


def attribute_name(column: str) -> str:
    """The column's name without characters that filters use; never the name of a built-in field."""
    name = _AWKWARD.sub("_", column.strip())
    return f"{name}_" if name in PAYLOAD_FIELDS else name


def _of_objects(column: str, name: str, cell: Any, language: str, warnings: list[str]) -> Pairs:
    """Attributes of a cell with objects: their texts, or the values of one that has no text."""
    if isinstance(cell, Mapping) and not objects.is_tagged(cell) and not objects.has_text(cell):
        parts = {key: values.attribute(part) for key, part in cell.items() if not values.absent(part)}
        if parts and None not in parts.values() and len(parts) <= MAX_PARTS:
            return [
                (attribute_name(f"{name}_{key}"), part) for key, part in parts.items() if part is not None
            ]
    elif isinstance(cell, Mapping) or objects.is_tagged(cell):
        reading = objects.read_text(cell, language)
        if note := reading.note or (MORE if objects.holds_more(cell) else ""):
            warnings.append(f"{column} {note}")
        return [(name, reading.text)] if reading.text else []
    else:
        texts = [objects.read_text(part, language) for part in cell if not values.absent(part)]
        if all(text.text and not text.note for text in texts):
            warnings += [f"{column} {MORE}"] if objects.holds_more(cell) else []
            return [(name, tuple(text.text for text in texts))]
    warnings.append(f"{column} is neither a value nor a list of values; left out")
    return []


def _as_text(attribute: Attribute | None) -> Attribute | None:
    """The numbers of an attribute as the store writes them in a field of texts."""
    if isinstance(attribute, tuple):
        return tuple(coerce("", part, "keyword") for part in attribute)
    return None if attribute is None else coerce("", attribute, "keyword")
