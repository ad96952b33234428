"""How much memory a photo takes while it is decoded, known from its header.

Law (tests/engine/photos/test_memory.py): no kind of photo takes more, measured from outside. What decoders
hold beside the pixels was read from their sources and measured with Pillow 13.
"""

from __future__ import annotations

from PIL.ImageFile import ImageFile

BLOCK_BYTES = 1 << 30
"""Most of one allocation for an image's rows: all of them in one. In Pillow's blocks of 16 MB its memory
stays with the thread that decoded it, as glibc keeps blocks below 32 MB (findings/pillow_keeps_memory.sh)."""
STRIP_PIXELS = 1 << 18
"""Of a strip that is made RGB at a time."""

_STRIP_BYTES = 20
"""A pixel of a strip: itself, with alpha, on white, flat, and as a float where it was a deep grey."""
_SMALL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow's modes; all others take four."""
_BESIDE = {"WEBP": 12, "AVIF": 16, "GIF": 5, "BMP": 1}
"""Bytes a pixel of what decoders hold beside Pillow's image: canvases of animations, planes, and the pixels
once more as they are handed over."""


def decoding_bytes(image: ImageFile, size: tuple[int, int], factor: int, file_bytes: int) -> int:
    """The most that decoding takes, with the file's bytes as decoders copy them.

    `size` is the file's, `image.size` may be a JPEG's at a smaller scale.
    """
    full, loaded = size[0] * size[1], image.width * image.height
    pixel = _SMALL.get(image.mode, 4)
    result = 4 * (-(-image.width // factor)) * (-(-image.height // factor))
    strip = _STRIP_BYTES * min(loaded, STRIP_PIXELS + image.width * factor)
    beside = _BESIDE.get(image.format or "", 0) * full
    if image.format in ("JPEG", "MPO"):
        beside = _coefficients(image, full)
    elif image.format == "TIFF":
        beside = _tiff_buffers(image, pixel)
    elif image.format == "PNG" and getattr(image, "is_animated", False):
        beside = 2 * pixel * full
    # the photo is there twice while it is turned
    return pixel * loaded + beside + strip + 2 * file_bytes + 2 * result


def _coefficients(image: ImageFile, full: int) -> int:
    """Of a progressive JPEG all coefficients are kept, two bytes each; a file may be one and not say so."""
    layers = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    if not layers:
        return 8 * full
    whole = max(across for across, _ in layers) * max(down for _, down in layers)
    return sum(2 * full * across * down // whole for across, down in layers)


def _tiff_buffers(image: ImageFile, pixel: int) -> int:
    """The strip or tile decoded at a time, which may be larger than the picture, and the turned picture."""
    tags = getattr(image, "tag_v2", {})
    width, height = image.size
    samples, depths = int(tags.get(277, 1)), tags.get(258, 8)
    depth = max(depths) if isinstance(depths, tuple) else depths
    rows = min(height, int(tags.get(278, height)))
    pixels = max(width * rows, int(tags.get(322, 0)) * int(tags.get(323, 0)))
    turned = 0 if tags.get(274, 1) == 1 else pixel * width * height
    return pixels * max(4, samples * -(-int(depth) // 8)) + turned
