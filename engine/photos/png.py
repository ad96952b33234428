"""Texts in PNG files, which unpack to a thousand times their size.

Pillow unpacks each of them, up to a megabyte, into memory, 64 MB a photo, to offer what nobody asks for here.
A photo has a handful; where there are more, those beyond are left out. Colour profiles count with them.
"""

from __future__ import annotations

TEXTS = 8
"""Texts that a photo may bring: beside its comments, ImageMagick keeps EXIF, IPTC, XMP and the profile so."""

_START = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"zTXt", b"iTXt", b"tEXt", b"iCCP")


def without_bulky_texts(data: bytes) -> bytes:
    """The file with its first `TEXTS` texts; what is no PNG, or is cut off, as it is."""
    if not data.startswith(_START) or sum(data.count(kind) for kind in _TEXTS) <= TEXTS:
        return data
    parts, at, texts = [memoryview(_START)], len(_START), 0
    view = memoryview(data)
    while at + 8 <= len(data):
        end = at + 12 + int.from_bytes(view[at : at + 4], "big")
        texts += bytes(view[at + 4 : at + 8]) in _TEXTS
        if texts <= TEXTS or bytes(view[at + 4 : at + 8]) not in _TEXTS:
            parts.append(view[at:end])
        at = end
    return b"".join(parts)
