"""Several names of photos in one text: "a.jpg, b.jpg", "a.jpg|b.jpg", one a line, URLs side by side.

Laws (tests/ingestion/reading/test_photo_names.py):
- names joined by any separator are those names again;
- a name or URL that has the separator in itself stays whole: a URL ends only before the next URL, a file
  name only after the ending of a photo, and a file that is there is one name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_SEPARATOR = re.compile(r"\s*[|\n\r,;]\s*|\s+")
_URL = re.compile(r"(https?:)?//", re.IGNORECASE)
_PHOTO_END = re.compile(
    r"\.(jpe?g|jfif|png|webp|gif|avif|bmp|tiff?|heic|heif|svg|jp2|jxl)([?#][^\s|]*)?$", re.IGNORECASE
)
_SIZE = re.compile(r"\s\d+(?:\.\d+)?[wx]\s*(?:,|$)")
_NEXT_SIZE = re.compile(r"(?<=\d[wx])\s*,\s*")
_SIZED = re.compile(r"(?P<name>\S+)\s+(?P<size>\d+(?:\.\d+)?)[wx]")
_LABEL = re.compile(r"\s+!\s*(alt|title|desc|caption|featured)\s*:[^|\n]*", re.IGNORECASE)
"""What WooCommerce's import suite writes behind a photo: `a.jpg ! alt : Shoe ! title : `."""


def ends_as_photo(name: str) -> bool:
    """Whether a name ends as the files of photos do."""
    return _PHOTO_END.search(name) is not None


def largest_of_srcset(text: str) -> str | None:
    """The largest of `a.jpg 300w, b.jpg 600w`, as HTML lists the sizes of a photo; None for another text."""
    if _SIZE.search(text) is None:
        return None
    parts = [_SIZED.fullmatch(part.strip()) for part in _NEXT_SIZE.split(text.strip())]
    if not all(parts):
        return None
    return max((part for part in parts if part), key=lambda part: float(part["size"]))["name"]


def split_names(text: str, is_file: Callable[[str], bool] = lambda _: False) -> list[str]:
    """The names in a text, in their order; `is_file` knows whether there is a file of a name."""
    if _SEPARATOR.search(text) is None:
        return [text]
    if is_file(text):
        return [text]
    text = _LABEL.sub("", text).strip(" \t\r\n,;|")
    names: list[str] = []
    separators: list[str] = []
    start = 0
    for match in _SEPARATOR.finditer(text):
        if match.start() >= start and _ends_name(text[start : match.start()], match[0], text[match.end() :]):
            names.append(text[start : match.start()])
            separators.append(match[0])
            start = match.end()
    names.append(text[start:])
    return [name for name in _joined(names, separators, is_file) if name]


def _ends_name(before: str, separator: str, after: str) -> bool:
    """Whether a separator stands between two names, not in one."""
    if not before or not after or _URL.match(after):
        return True
    is_hard = "|" in separator or "\n" in separator or "\r" in separator
    if _URL.match(before):
        return is_hard and ends_as_photo(before)
    return is_hard or (ends_as_photo(before) and ends_as_photo(after))


def _joined(names: Sequence[str], separators: Sequence[str], is_file: Callable[[str], bool]) -> list[str]:
    """The names, where those that are no files but are one together become that file."""
    whole: list[str] = []
    place = 0
    while place < len(names):
        end = place + 1
        if end < len(names) and not _URL.match(names[place]) and not is_file(names[place]):
            longer = range(place + 2, len(names) + 1)
            end = next((last for last in longer if is_file(_join(names, separators, place, last))), end)
        whole.append(_join(names, separators, place, end))
        place = end
    return whole


def _join(names: Sequence[str], separators: Sequence[str], start: int, end: int) -> str:
    text = names[start]
    for place in range(start + 1, end):
        text += separators[place - 1] + names[place]
    return text
