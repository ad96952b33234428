"""Bytes to an upright RGB photo, without trusting them: the one way to pixels, for every room.

A photo is decoded to the size that is needed. A JPEG is decoded at a smaller scale; another photo of more
than `WHOLE_PIXELS` is shrunk by a whole number, row by row, while it becomes RGB. So of the picture at its
full size there is one copy, the decoder's, and only within the process's `Room`.

Laws (tests/engine/photos/):
- a photo over the pixel limit is refused from its header, before any pixel is decoded;
- the photo is the first frame in RGB, turned as its EXIF tag says, transparent parts white;
- a photo of at most `WHOLE_PIXELS` keeps every pixel (JPEGs: of at most twice `DRAFT_SIDE` a side);
- decoding takes no more memory than `decoding_bytes` says of the header, and waits until that is free;
- any bytes give a photo or a `PhotoError` that says what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import closing
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from vlclip.engine.errors import PhotoError
from vlclip.engine.photos.memory import BLOCK_BYTES, STRIP_PIXELS, decoding_bytes
from vlclip.engine.photos.png import without_bulky_texts
from vlclip.engine.photos.room import ROOM, Limits

DRAFT_SIDE = 768
"""Photos are shrunk to a scale that leaves both sides at least this long: no encoder needs more than half of
it, so the resize that follows still averages over several pixels."""
WHOLE_PIXELS = 4_200_000
"""Up to 2,048 by 2,048 a photo that is no JPEG keeps all its pixels."""
MOST_PIXELS = 8_400_000
"""Of the photo as it is given back, also where its short side then falls below `DRAFT_SIDE`."""
MAX_RATIO = 50
"""Long side to short side: a thinner photo, resized by its short side, would become huge."""

_OTHER_KINDS = (
    (re.compile(rb".{4}ftyp(hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL), "a HEIC photo"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "an AVIF photo"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video"),
    (re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL "), "a JPEG XL photo"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"8BPS"), "a Photoshop file"),
)
"""How files begin that shops give for photos, but that are not read here."""
_SHOP_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "MPO")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What makes a photo upright, by its EXIF orientation."""

Image.core.set_block_size(BLOCK_BYTES)  # type: ignore[attr-defined] # documented, not exported


def decode(data: bytes, limits: Limits) -> Image.Image:
    """The photo in `data`, RGB and upright; a `PhotoError` where there is none.

    Errors: `PhotosBusy` where there was no room for it within `limits.wait_s`.
    """
    try:
        return _decode(data, limits)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(f"the photo is not an image ({_describe_start(data)}); replace the file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PhotoError(f"the photo has more than {limits.max_pixels:,} pixels; make it smaller") from None
    except MemoryError:
        raise PhotoError("the photo does not fit into memory; make it smaller") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise whatever the bytes make them raise
        raise PhotoError(f"the photo is damaged ({error}); replace the file") from None


def _decode(data: bytes, limits: Limits) -> Image.Image:
    with Image.open(BytesIO(without_bulky_texts(data)), formats=_formats()) as image:
        width, height = image.size
        if width * height > limits.max_pixels:
            raise PhotoError(
                f"the photo has {width:,} by {height:,} pixels; at most {limits.max_pixels:,} are allowed"
            )
        if max(width, height) > MAX_RATIO * min(width, height):
            raise PhotoError(f"the photo is {width:,} by {height:,} pixels, too thin to show a product")
        image.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
        factor = _factor(*image.size)
        needed = decoding_bytes(image, (width, height), factor, len(data))
        with (
            ROOM.hold(needed, limits, f"the {image.format} photo of {width:,} by {height:,} pixels"),
            closing(image),  # its memory is free before its room is
        ):
            image.load()
            return _upright(image, _flat(image, factor))


def _factor(width: int, height: int) -> int:
    """How many pixels on a side become one."""
    if width * height <= WHOLE_PIXELS:
        return 1
    return max(1, min(width, height) // DRAFT_SIDE, math.ceil(math.sqrt(width * height / MOST_PIXELS)))


def _upright(image: ImageFile, photo: Image.Image) -> Image.Image:
    """The photo turned as the file that it comes from says."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; the pixels are fine
        turn = None
    return photo if turn is None else photo.transpose(turn)


def _flat(image: Image.Image, factor: int) -> Image.Image:
    """The image in RGB on white, shrunk; by strips of rows, so that no second one of its size exists."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image.copy() if factor == 1 else image.reduce(factor)
    as_rgb = _conversion(image)
    width, height = image.size
    if width * height <= STRIP_PIXELS:
        small = as_rgb(image)
        return small if factor == 1 else small.reduce(factor)
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    photo = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = as_rgb(image.crop((0, top, width, min(top + rows, height))))
        photo.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return photo


def _conversion(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What makes RGB of a part of the image."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_deep(image)
    return _on_white if image.has_transparency_data else lambda part: part.convert("RGB")


def _on_white(part: Image.Image) -> Image.Image:
    layer = part.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _from_deep(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """16-bit, 32-bit and float grey: the full range scaled to 8 bits instead of clipped."""
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    strips = (image.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    peak = max(float(_grey(strip).max(initial=0)) for strip in strips)
    scale = 255.0 if peak <= 1 else 1.0 if peak <= 255 else 255 / max(peak, 65535.0)

    def scaled(part: Image.Image) -> Image.Image:
        return Image.fromarray((_grey(part) * scale).clip(0, 255).astype(np.uint8)).convert("RGB")

    return scaled


def _grey(part: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.nan_to_num(np.asarray(part, dtype=np.float32))


@cache
def _formats() -> tuple[str, ...]:
    """The formats a shop has photos in, as far as this Pillow can read them."""
    Image.init()
    return tuple(name for name in _SHOP_FORMATS if name in Image.OPEN)


def _describe_start(data: bytes) -> str:
    if not data:
        return "it is empty"
    kind = next((kind for begins, kind in _OTHER_KINDS if begins.match(data[:1000])), "")
    if kind:
        return f"it is {kind}; save it as JPEG, PNG or WebP"
    start = data[:1000].lstrip().lower()
    if start.startswith(b"<") and b"<svg" in start:
        return "it is an SVG drawing; save it as JPEG, PNG or WebP"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page"
    return "it starts with " + repr(data[:8])[1:]
