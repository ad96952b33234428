"""Columns that look as if they held photos, by their values.

Laws (tests/ingestion/reading/test_photo_columns.py):
- a column of addresses of pictures, or of paths of pictures that are there, is one, whatever its name;
- a column of other texts is none, whatever its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from vlclip.engine.errors import ItemError
from vlclip.ingestion.photos.source import is_photo_file, is_url
from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.photo_cell import is_no_photo, read_photos
from vlclip.ingestion.reading.photo_names import ends_as_photo

LOOKED_AT = 50
"""Values of a column that are looked at."""
_NAME = re.compile(r"image|img|photo|picture|bild|thumb|gallery|immagine", re.IGNORECASE)


def likely_photo_columns(
    columns: Iterable[str], sample: Sequence[Mapping[str, Any]], root: Path
) -> tuple[str, ...]:
    """Those of `columns` that hold photos in most of the rows in which they hold anything."""
    return tuple(column for column in columns if _holds_photos(column, sample, root))


def _holds_photos(column: str, sample: Sequence[Mapping[str, Any]], root: Path) -> bool:
    present = (cell for row in sample if not values.absent(cell := row.get(column)))
    cells = list(islice((c for c in present if not (isinstance(c, str) and is_no_photo(c))), LOOKED_AT))
    photos = [cell for cell in cells if _is_photo(cell, root, is_named=_NAME.search(column) is not None)]
    return bool(photos) and len(photos) * 2 > len(cells)


def _is_photo(cell: Any, root: Path, *, is_named: bool) -> bool:
    """Whether a cell is a photo; an address that does not end as one is, if the column's name says so."""
    try:
        photos = read_photos(cell, lambda name: is_photo_file(root / name)).photos
    except ItemError:
        return False
    if not photos:
        return False
    first = photos[0]
    if isinstance(first, bytes) or (isinstance(cell, Mapping) and not is_named):
        return is_named
    if is_url(first):
        return is_named or ends_as_photo(first)
    return ends_as_photo(first) and (is_named or is_photo_file(root / first))
