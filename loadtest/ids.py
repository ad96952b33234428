"""The item ids that a plan names in a file: an id a line, or the column of ids of a CSV or TSV file.

Laws (tests/loadtest/test_ids.py):
- ids that are written to a file are read back equal, whatever blanks and marks are in them;
- an error names the file and says what to do.
"""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from typing import Literal

from vlclip.loadtest.errors import BadPlan

TABLES = {".csv": ",;\t|", ".tsv": "\t"}
"""File ending of a table to the delimiters that it may have."""
NAMES = ("id", "itemid", "productid", "articleid", "offerid", "sku", "asin", "docid")
"""Names of the column of ids, likeliest first, in lower case without punctuation."""


def read_ids(path: Path) -> list[str]:
    """The ids in the order of the file, each once; `BadPlan` where there are none or it is no text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPlan(f"ids: cannot read {path} ({error}); name a file of item ids beside the plan") from None
    delimiters = TABLES.get(path.suffix.lower())
    ids = text.split("\n") if delimiters is None else _column(text, delimiters, path)
    ids = list(dict.fromkeys(line.strip() for line in ids if line.strip()))
    if not ids:
        raise BadPlan(f"ids: {path} is empty; write an item's id on each line")
    return ids


def _column(text: str, delimiters: str, path: Path) -> list[str]:
    """The cells of the column of ids of a table with a header."""
    header, _, _ = text.partition("\n")
    delimiter = max(delimiters, key=header.count)
    # where no cell of a TSV begins with a quote mark, none is quoted: the marks are characters
    quoting: Literal[0, 3] = 3 if delimiter == "\t" and not re.search('[\t\n]"', text) else 0
    names, *rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)) or [[]]
    plain = {re.sub(r"[\W_]", "", name.lower()): place for place, name in reversed(list(enumerate(names)))}
    place = next((plain[name] for name in NAMES if name in plain), None)
    if place is None:
        raise BadPlan(f"ids: {path} has no column {NAMES[0]!r}; it has {', '.join(names)}: name one so")
    return [row[place] for row in rows if len(row) > place]
