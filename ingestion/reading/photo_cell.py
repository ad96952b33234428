"""The photo that a cell names: bytes, a path, a URL, or an object or list that holds one.

Laws (tests/ingestion/reading/test_photo_cell.py):
- of a list, and of an object of lists, the first photo there is is read, whatever is empty before it;
- words that mean "no photo" are no photo;
- a cell with something else in it is an `ItemError`, never silently an item without a photo.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from vlclip.engine.errors import ItemError
from vlclip.ingestion.reading import values

PHOTO_KEYS = (
    "bytes", "hires", "large", "full", "original", "contenturl", "url", "src", "link", "href", "imageurl",
    "imagelink", "image", "path", "file", "filename", "source", "medium", "small", "thumb", "thumbnail",
    "thumbnailurl",
)  # fmt: skip
"""The keys of an object that hold its photo, best first, in lower case without punctuation."""

NO_PHOTO = frozenset(
    ("", "noselection", "null", "none", "nil", "na", "nan", "noimage", "noimg", "nophoto", "nopicture",
     "undefined", "false", "notavailable", "missing", "empty")
)  # fmt: skip
"""Words that mean there is no photo, in lower case without punctuation."""

_DATA_URI = re.compile(r"data:image/[\w.+-]+(;[^;,]*)*;base64,", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\W_]+")


def read_photo(cell: Any) -> bytes | str | None:
    """The first photo of a cell, None where there is none; an `ItemError` where it cannot be read."""
    if cell is False or values.absent(cell) or cell == b"":
        return None
    if isinstance(cell, bytes):
        return cell
    if isinstance(cell, list | tuple):
        return _first(cell)
    if isinstance(cell, Mapping):
        return _of_object(cell)
    address = "" if cell is True else values.text(cell)
    if not address:
        raise ItemError("the photo is neither bytes nor a path nor a URL; correct it or leave it empty")
    return _of_text(address)


def is_no_photo(word: str) -> bool:
    """Whether a text means that there is no photo, such as `no_selection`, `N/A` or `-`."""
    return len(word) <= 20 and not re.search(r"\d", word) and _PUNCTUATION.sub("", word.lower()) in NO_PHOTO


def _of_text(address: str) -> bytes | str | None:
    if len(address) > 2 and address[0] == address[-1] and address[0] in "\"'":
        address = address[1:-1].strip()
    if is_no_photo(address):
        return None
    if address[0] in "[{" and address[-1] in "]}":
        try:
            return read_photo(orjson.loads(address))
        except orjson.JSONDecodeError:
            return address
    head = address[:200]
    if match := _DATA_URI.match(head):
        try:
            return base64.b64decode("".join(address[match.end() :].split()), validate=True)
        except binascii.Error:
            raise ItemError("the photo is a data: address that is not valid base64") from None
    if head.lower().startswith("data:"):
        raise ItemError(
            "the photo is a data: address that holds no base64 photo; give bytes, a path or a URL"
        )
    if address.startswith("//"):
        address = f"https:{address}"
    return address.replace("&amp;", "&") if re.match(r"https?://", address, re.IGNORECASE) else address


def _first(cells: list[Any] | tuple[Any, ...]) -> bytes | str | None:
    """The first photo of a list; the first error where no element is a photo."""
    refusal: ItemError | None = None
    for cell in cells:
        try:
            photo = read_photo(cell)
        except ItemError as error:
            refusal = refusal or error
            continue
        if photo is not None:
            return photo
    if refusal is not None:
        raise refusal
    return None


def _of_object(cell: Mapping[Any, Any]) -> bytes | str | None:
    """The best photo of an object; where its keys hold lists, of the first place that has one."""
    named = {_PUNCTUATION.sub("", str(key).lower()): part for key, part in cell.items()}
    parts = [named[key] for key in PHOTO_KEYS if key in named]
    if not parts:
        keys = ", ".join(sorted(str(key)[:20] for key in cell)[:5])
        raise ItemError(f"the photo is an object without a path or URL (its keys: {keys}); name the column")
    lists = [part for part in parts if isinstance(part, list | tuple)]
    places = range(max(map(len, lists), default=0))
    in_order = [part[place] for place in places for part in lists if place < len(part)]
    return _first([*(part for part in parts if not isinstance(part, list | tuple)), *in_order])
