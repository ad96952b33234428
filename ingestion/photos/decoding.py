"""Bytes to an upright RGB photo, without trusting them.

Laws (tests/ingestion/photos/test_decoding.py):
- a photo over the pixel limit is refused from its header, before any pixel is decoded;
- the photo is the first frame in RGB, turned as its EXIF tag says, transparent parts white;
- any bytes give a photo or a `PhotoError` that says what is wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vlclip.ingestion.errors import PhotoError

DRAFT_SIDE = 768
"""JPEGs are decoded at a scale that leaves both sides at least this long: no encoder needs more
than half of it, so the resize that follows still averages over several pixels."""
MAX_RATIO = 50
"""Long side to short side: a thinner photo, resized by its short side, would become huge."""

MEDIA_FOLDERS = (
    "images", "image", "photos", "img", "media", "media/catalog/product", "pub/media/catalog/product",
    "catalog/product", "pub/media/import", "media/import", "import", "wp-content/uploads", "uploads",
)  # fmt: skip
"""Folders beside a catalogue from which its paths may be counted."""

_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,10}/", re.IGNORECASE)
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


def decode(data: bytes, *, max_pixels: int) -> Image.Image:
    """The photo in `data`, RGB and upright; a `PhotoError` where there is none."""
    try:
        return _decode(data, max_pixels)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(f"the photo is not an image ({_describe_start(data)}); replace the file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PhotoError(f"the photo has more than {max_pixels:,} pixels; make it smaller") from None
    except MemoryError:
        raise PhotoError("the photo does not fit into memory; make it smaller") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise whatever the bytes make them raise
        raise PhotoError(f"the photo is damaged ({error}); replace the file") from None


def is_photo_file(path: Path) -> bool:
    """Whether there is a file at `path`; never for a name that the disk refuses, such as a very long one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def photo_file(root: Path, name: str) -> Path:
    """The file that a catalogue in `root` means by `name`; where there is none, the path as it is written.

    A path may be written as Windows does, from the shop's root, or with encoded signs, and it may be
    counted from one of the folders in which shop systems keep photos (`MEDIA_FOLDERS`).
    """
    if is_photo_file(root / name):
        return root / name
    slashes = name.replace("\\", "/")
    relative = (slashes.lstrip("/"), unquote(slashes).lstrip("/"))
    spellings = (slashes, unquote(slashes), *relative)
    media = (f"{folder}/{spelling}" for folder in MEDIA_FOLDERS for spelling in dict.fromkeys(relative))
    paths = (root / path for path in (*dict.fromkeys(spellings), *media))
    return next(filter(is_photo_file, paths), root / name)


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file; a `PhotoError` says why they cannot be read."""
    try:
        if not path.is_file():
            raise PhotoError(f"there is no file at {path}; correct the path or leave it empty")
        if path.stat().st_size > max_bytes:
            raise PhotoError(f"{path} has more than {max_bytes:,} bytes; make it smaller")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise PhotoError(f"{str(path)[:200]!r} cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """Where photos come from: bytes as they are, files at paths from `root`, URLs through `fetch`.

    In the operator's own catalogue any path that can be read is allowed; it need not be below `root`. For
    items that come in over the network `root` is None, and paths are refused.
    """

    fetch: Callable[[str], bytes]
    root: Path | None
    max_bytes: int

    def read(self, image: bytes | str) -> bytes:
        """The photo's bytes; a `PhotoError` says why they cannot be read."""
        if isinstance(image, bytes):
            return image
        return self.fetch(image) if is_url(image) else self._file(image)

    def path_below_root(self, image: str) -> str:
        """The path of a photo's file from `root`, "" where it does not lie below."""
        if self.root is None:
            return ""
        file = Path(os.path.abspath(photo_file(self.root, image.removeprefix("file://"))))  # noqa: PTH100 - links stay
        root = Path(os.path.abspath(self.root))  # noqa: PTH100
        return file.relative_to(root).as_posix() if file.is_relative_to(root) else ""

    def _file(self, image: str) -> bytes:
        if self.root is None:
            raise PhotoError("paths are not accepted here; send the photo's bytes or an http(s) URL")
        scheme, colon, path = image.partition("://")
        if colon and scheme != "file":
            raise PhotoError(f"photos cannot be read over {scheme}://; give a path or an http(s) URL")
        name = path if colon else image
        file = photo_file(self.root, name)
        if _HOST.match(name) and not is_photo_file(file):
            raise PhotoError(f"there is no file at {file}; if it is an address, put https:// before it")
        if name.startswith("/") and not is_photo_file(file):
            raise PhotoError(
                f"there is no file at {file}, nor at {self.root / name.lstrip('/')}; "
                "correct the path or leave it empty"
            )
        return read_file(file, self.max_bytes)


def is_url(image: bytes | str) -> bool:
    """Whether a photo has to be fetched over HTTP."""
    return isinstance(image, str) and image[:8].lower().startswith(("http://", "https://"))


def _decode(data: bytes, max_pixels: int) -> Image.Image:
    with Image.open(BytesIO(data), formats=_formats()) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise PhotoError(
                f"the photo has {width:,} by {height:,} pixels; at most {max_pixels:,} are allowed"
            )
        if max(width, height) > MAX_RATIO * min(width, height):
            raise PhotoError(f"the photo is {width:,} by {height:,} pixels, too thin to show a product")
        image.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
        image.load()
        return _rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; the pixels are fine
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_deep(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey: the full range scaled to 8 bits instead of clipped."""
    grey = np.nan_to_num(np.asarray(image, dtype=np.float32))
    peak = float(grey.max(initial=0))
    scale = 255.0 if peak <= 1 else 1.0 if peak <= 255 else 255 / max(peak, 65535.0)
    return Image.fromarray((grey * scale).clip(0, 255).astype(np.uint8)).convert("RGB")


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
