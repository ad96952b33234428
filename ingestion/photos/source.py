"""Where photos come from: bytes as they are, files of a catalogue, URLs.

Laws (tests/ingestion/photos/test_source.py):
- a path leads to its photo however shop systems write it; paths of items from the network are refused;
- what cannot be read is a `PhotoError` that says why.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from vlclip.engine.errors import PhotoError

MEDIA_FOLDERS = (
    "images", "image", "photos", "img", "media", "media/catalog/product", "pub/media/catalog/product",
    "catalog/product", "pub/media/import", "media/import", "import", "wp-content/uploads", "uploads",
)  # fmt: skip
"""Folders beside a catalogue from which its paths may be counted."""

_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,10}/", re.IGNORECASE)


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
    about_to_read: Callable[[Path], None] | None = None
    """Is told of every file before it is read."""
    latest_version: Callable[[], str] = str
    """How the server named the version of the photo that this thread fetched last."""

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
        if self.about_to_read is not None:
            self.about_to_read(file)
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
