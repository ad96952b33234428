"""The photos that a cell names: bytes, paths, URLs, or objects and lists that hold them.

Laws (tests/ingestion/reading/test_photo_cell.py):
- of a list, and of an object of lists, every photo is read in its order, whatever is empty between them;
- of objects that say their place, the first place is first; of an object of views, the main one;
- words that mean "no photo" are no photo;
- a name that ends as photos do is read under any key; of the sizes of a `srcset` the largest is the photo;
- a cell with something else in it is an `ItemError`, never silently an item without a photo.
"""

from __future__ import annotations

import base64
import binascii
import html
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlclip.engine.errors import ItemError
from vlclip.ingestion.reading import values
from vlclip.ingestion.reading.photo_names import ends_as_photo, largest_of_srcset, split_names

PHOTO_KEYS = (
    "bytes", "hires", "large", "full", "original", "contenturl", "url", "src", "link", "href", "imageurl",
    "imagelink", "image", "path", "file", "filename", "source", "medium", "small", "thumb", "thumbnail",
    "thumbnailurl", "secureurl", "absurl", "originalsrc", "uri", "imageuri", "zoom", "standard", "main",
    "urls", "images", "sizes", "formats", "items", "nodes", "edges", "node", "data", "attributes",
    "transformedsrc",
)  # fmt: skip
"""The keys of an object that hold its photo, best first, in lower case without punctuation."""

MAIN = ("main", "primary", "default", "cover", "front", "hero")
"""The views of an object of views that are its first photo, in this order."""

VIEWS = frozenset(
    (*MAIN, "back", "rear", "side", "left", "right", "top", "bottom", "detail", "details", "inside",
     "outside", "sole", "model", "lifestyle", "swatch", "gallery", "alternate", "alternative", "additional",
     "extra", "other", "others", "images", "photos", "pictures")
)  # fmt: skip
"""The keys of an object that hold other photos of an item, not other sizes of one; numbers may follow."""

WORDS = frozenset(
    (
        "alt",
        "alttext",
        "title",
        "name",
        "label",
        "caption",
        "description",
        "text",
        "id",
        "key",
        "hash",
        "type",
    )
)
"""The keys of an object whose words are none of its photos, though they may end as names of photos do."""

PLACES = ("position", "sortorder", "sort", "order", "displayorder", "menuorder")
LAST = (True, math.inf)
FIRST = ("isthumbnail", "ismain", "isprimary", "isdefault", "iscover", "primary", "default")
"""The keys of an object that say where its photo stands, and that it is the first."""

NO_PHOTO = frozenset(
    ("", "noselection", "null", "none", "nil", "na", "nan", "noimage", "noimg", "nophoto", "nopicture",
     "undefined", "false", "notavailable", "missing", "empty")
)  # fmt: skip
"""Words that mean there is no photo, in lower case without punctuation."""

Photo = bytes | str
IsFile = Callable[[str], bool]
"""Whether there is a file of that name, from the catalogue's folder."""

_DATA_URI = re.compile(r"data:image/[\w.+-]+(;[^;,]*)*;base64,", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\W_]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]{64,}={0,2}\s*")
_SOURCE = re.compile(r"""<(?:img|source)\b[^>]*?\ssrc\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_ADDRESS = re.compile(r"(https?:)?//\S+$", re.IGNORECASE)
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF")
"""How the bytes of photos begin."""


@dataclass(frozen=True, slots=True)
class PhotoCell:
    """The photos of a cell, each once; `refusal` says why another part of it cannot be read, "" for none."""

    photos: tuple[Photo, ...] = ()
    refusal: str = ""


def read_photos(cell: Any, is_file: IsFile = lambda _: False) -> PhotoCell:
    """All photos of a cell; an `ItemError` where there is something but no photo can be read.

    A name that has a separator in it is one photo where `is_file` knows it.
    """
    if cell is False or values.absent(cell) or cell == b"":
        return PhotoCell()
    if isinstance(cell, bytes):
        return PhotoCell((cell,))
    if isinstance(cell, list | tuple):
        return _all(cell, is_file)
    if isinstance(cell, Mapping):
        return _of_object(cell, is_file)
    address = "" if cell is True else values.text(cell)
    if not address:
        raise ItemError("the photo is neither bytes nor a path nor a URL; correct it or leave it empty")
    return _of_text(address, is_file)


def read_photo(cell: Any, is_file: IsFile = lambda _: False) -> Photo | None:
    """The first photo of a cell, None where there is none; an `ItemError` where it cannot be read."""
    return next(iter(read_photos(cell, is_file).photos), None)


def is_no_photo(word: str) -> bool:
    """Whether a text means that there is no photo, such as `no_selection`, `N/A` or `-`."""
    return len(word) <= 20 and not re.search(r"\d", word) and _PUNCTUATION.sub("", word.lower()) in NO_PHOTO


def _of_text(address: str, is_file: IsFile) -> PhotoCell:
    if len(address) > 2 and address[0] == address[-1] and address[0] in "\"'":
        address = address[1:-1].strip()
    if is_no_photo(address):
        return PhotoCell()
    if address[0] + address[-1] in ("[]", "{}", "()") and not is_file(address):
        written = _written_list(address)
        if written is not None:
            return read_photos(written, is_file)
    if address[:5].lower() == "data:" or _BASE64.fullmatch(address):
        encoded = _of_base64(address)
        if encoded is not None:
            return PhotoCell((encoded,))
    if "<" in address and (sources := _SOURCE.findall(address)):  # HTML
        address = "\n".join(html.unescape(source) for source in sources)
    if (largest := largest_of_srcset(address)) is not None:
        return PhotoCell((_address(largest),))
    names = [_address(name) for name in split_names(address, is_file) if not is_no_photo(name)]
    return PhotoCell(tuple(dict.fromkeys(names)))


def _written_list(address: str) -> Any:
    """The list or object that a text writes, as JSON, Python or databases do; None for another text."""
    content = values.written_container(address)
    if content is not None:
        return content
    inner = address[1:-1].strip()
    return inner if ends_as_photo(inner.rstrip("\"'")) and ":" not in inner.partition("//")[0] else None


def _of_base64(address: str) -> bytes | None:
    """The bytes of a data: address or of base64 alone; None where it is something else."""
    head = address[:200]
    if match := _DATA_URI.match(head):
        try:
            return base64.b64decode("".join(address[match.end() :].split()), validate=True)
        except binascii.Error:
            raise ItemError("the photo is a data: address that is not valid base64") from None
    if head[:5].lower() == "data:":
        kind = "an SVG drawing and" if "svg" in head.lower() else "a data: address that holds"
        raise ItemError(
            f"the photo is {kind} no base64 photo; give a JPEG, PNG or WebP as bytes, a path or a URL"
        )
    joined = "".join(address.split())
    try:
        start = base64.b64decode(joined[:64], altchars=b"-_" if re.search("[-_]", joined) else None)
        if not start.startswith(_MAGIC):
            return None
        return base64.b64decode(joined, altchars=b"-_" if re.search("[-_]", joined) else None, validate=True)
    except binascii.Error:
        return None


def _address(name: str) -> str:
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    if name.startswith("//"):
        name = f"https:{name}"
    if not re.match(r"https?:[/\\]{2}", name, re.IGNORECASE):
        return name
    return name.replace("&amp;", "&").replace("\\", "/")


def _all(cells: Iterable[Any], is_file: IsFile) -> PhotoCell:
    """The photos of a list in the order that they name; the first error where no element is a photo."""
    return _merged(_attempt(cell, is_file) for cell in sorted(cells, key=_place))


def _place(cell: Any, depth: int = values.DEPTH) -> tuple[bool, float]:
    """Where an object says that its photo stands; others keep the order of the file, after those."""
    if not isinstance(cell, Mapping) or not depth:
        return LAST
    named = _named(cell)
    is_first = any(values.text(named.get(key)).lower() in ("true", "1", "yes") for key in FIRST)
    types = named.get("types")  # Magento: image, small_image, thumbnail
    is_first = is_first or (isinstance(types, list | tuple) and "image" in types)
    numbers = (values.written_number(values.text(named[key])) for key in PLACES if key in named)
    place = next((number for number in numbers if number is not None), math.inf)
    if is_first or place < math.inf:
        return not is_first, place
    return min((_place(part, depth - 1) for part in named.values()), default=LAST)  # a node, attributes


def _of_object(cell: Mapping[Any, Any], is_file: IsFile) -> PhotoCell:
    """The photos of an object: its main view, the best of its sizes, then its other views.

    Where the keys of sizes hold lists, it is the best one of every place.
    """
    if all(str(key).isdecimal() for key in cell):
        return _all(cell.values(), is_file)
    named = _named(cell)
    main, others = _views(named)
    sizes = [named[key] for key in PHOTO_KEYS if key in named and not _is_view(key)]
    if not (main or others or sizes):
        sizes = list(_hidden(cell))
    if not (main or others or sizes):
        keys = ", ".join(sorted(str(key)[:20] for key in cell)[:5])
        raise ItemError(f"the photo is an object without a path or URL (its keys: {keys}); name the column")
    return _merged(
        [
            *(_attempt(view, is_file) for view in main),
            *_of_sizes(sizes, is_file),
            *(_attempt(view, is_file) for view in others),
        ]
    )


def _of_sizes(parts: Sequence[Any], is_file: IsFile) -> Iterator[PhotoCell]:
    """The best of the sizes of one photo; where they are lists, the best one of every place."""
    alone = _best([part for part in parts if not isinstance(part, list | tuple)], is_file)
    yield alone
    lists = [part for part in parts if isinstance(part, list | tuple)]
    if alone.photos or not lists:
        return
    if len(lists) == 1:
        lists = [sorted(lists[0], key=_place)]
    for place in range(max(map(len, lists))):
        yield _best([part[place] for part in lists if place < len(part)], is_file)


def _views(named: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The main photos among the views of an object, and the others in their order."""
    main = [named[key] for key in MAIN if key in named and _holds_photo(named[key])]
    others = [part for key, part in named.items() if key not in MAIN and _is_other_view(key, part)]
    return main, others


def _is_other_view(key: str, part: Any) -> bool:
    """Whether there is a photo under a view's key, or under a key that is neither a size's nor of words."""
    if _is_view(key):
        return _holds_photo(part)
    return key not in PHOTO_KEYS and key not in WORDS and _holds_photo(part, by_ending=True)


def _is_view(key: str) -> bool:
    return key.rstrip("0123456789") in VIEWS


def _named(cell: Mapping[Any, Any]) -> dict[str, Any]:
    """The parts of an object by their keys in lower case, without punctuation."""
    return {_PUNCTUATION.sub("", str(key).lower()): part for key, part in cell.items()}


def _hidden(cell: Mapping[Any, Any]) -> Iterator[Any]:
    """What may be a photo under a key that vlclip does not know: objects, and names that end as photos do."""
    for part in cell.values():
        if isinstance(part, Mapping | list | tuple):
            if any(map(_holds_photo, part.values() if isinstance(part, Mapping) else part)):
                yield part
        elif isinstance(part, str) and ends_as_photo(part.strip()):
            yield part


def _holds_photo(part: Any, depth: int = values.DEPTH, *, by_ending: bool = False) -> bool:
    """Whether an address or a name of a photo is in there; `by_ending` an address may be of a page."""
    if isinstance(part, str):
        return ends_as_photo(part.strip()) or (not by_ending and _ADDRESS.match(part.strip()) is not None)
    if isinstance(part, Mapping):
        part = list(part.values())
    if not isinstance(part, list | tuple) or not depth:
        return False
    return any(_holds_photo(each, depth - 1, by_ending=by_ending) for each in part)


def _best(alternatives: Iterable[Any], is_file: IsFile) -> PhotoCell:
    """The photos of the first alternative that has some; else why none could be read."""
    refusal = ""
    for part in alternatives:
        reading = _attempt(part, is_file)
        if reading.photos:
            return reading
        refusal = refusal or reading.refusal
    return PhotoCell((), refusal)


def _attempt(cell: Any, is_file: IsFile) -> PhotoCell:
    """What `read_photos` reads; an error becomes the refusal."""
    try:
        return read_photos(cell, is_file)
    except ItemError as error:
        return PhotoCell((), str(error))


def _merged(readings: Iterable[PhotoCell]) -> PhotoCell:
    """All photos, each once, and the first refusal; that is an error where there is no photo."""
    photos: dict[Photo, None] = {}
    refusal = ""
    for reading in readings:
        photos.update(dict.fromkeys(reading.photos))
        refusal = refusal or reading.refusal
    if refusal and not photos:
        raise ItemError(refusal)
    return PhotoCell(tuple(photos), refusal)
