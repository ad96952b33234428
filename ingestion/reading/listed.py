"""Lists that are written in one cell: as JSON or Python, or with separators in columns of tags.

Laws (tests/ingestion/reading/test_listed.py):
- a list reads the same however it is written, and a value alone is a list of one;
- every value of the cell is in the list, in its order; decimal commas part nothing;
- a text that is no list is None, and stays a text.
"""

from __future__ import annotations

import re

from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.group_column import plain_name

LONGEST = 20_000
"""Characters of a cell that may be a list."""
LIST_COLUMNS = frozenset(
    ("tag", "tags", "producttag", "producttags", "posttag", "taxproducttag", "keyword", "keywords",
     "searchkeywords", "searchterms", "metakeywords", "label", "labels", "badges", "collections", "colors",
     "colours", "sizes", "materials", "occasions", "seasons", "flavors", "flavours", "allergens",
     "schlagworte", "stichworte", "etiquetas", "etiquettes", "motscles", "trefwoorden")
)  # fmt: skip
"""Names of columns whose separators part values, in lower case without punctuation."""

_COMMA = re.compile(r"\s*[,;|\n]\s*")
_OUTSIDE = re.compile(r"\s*(?:[;|\n]|(?<!\d),|,(?!\d))\s*")
_DECIMAL = re.compile(r"[;|\n]|,\s|^\d+,\d+$")
"""What shows that a comma between digits is a decimal sign: other separators, or nothing else."""


def is_list_column(column: str) -> bool:
    """Whether the name of a column says that its cells hold lists."""
    return plain_name(column) in LIST_COLUMNS


def read_list(cell: str, *, is_parted: bool) -> tuple[str, ...] | None:
    """The values of a list that a cell writes, None for another text.

    `is_parted`: commas, semicolons, bars and line breaks part values, as in a column of tags.
    """
    written = cell.strip()
    if len(written) > LONGEST:
        return None
    if written[:1] == "[" and written[-1:] == "]":
        parts = values.written_container(written) or ()
        texts = tuple(map(values.text, parts))
        if texts and all(texts) and not any(isinstance(part, list | tuple | dict) for part in parts):
            return texts
    if not is_parted or written[:1] in ("[", "{", "<"):
        return None
    separator = _OUTSIDE if _DECIMAL.search(written) else _COMMA
    return tuple(part for part in separator.split(written) if part) or None
