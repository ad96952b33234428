"""The photos that a page shows: those of items, as far as they may be shown, and those of searches.

An item's photo is named by the item's id, never by a path. A path counts where it lies in the folder that
`page.photos` names or, without it, in the folder of a catalogue that was ingested here. A URL is fetched
here, with the limits that hold while ingesting, so that a browser asks no other host.

Laws (tests/service/page/test_page.py):
- nothing outside the folders is served, through dots or through links; nothing that is not a photo is;
- photos of searches are kept in memory, for the newest searches only.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from vlclip.engine.errors import PhotoError
from vlclip.engine.photos.decoding import decode
from vlclip.engine.photos.room import Limits
from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.photos.source import is_url, photo_file, read_file
from vlclip.ingestion.settings import Fetch
from vlclip.service.http.errors import BadRequest
from vlclip.service.settings import Settings

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
"""Formats that browsers show, by Pillow's names; drawings that may hold scripts are not among them."""
SEARCH_PHOTOS = 64
"""Number of photos of searches that are kept."""
FRESH_S = 30.0
"""Seconds for which the folders of catalogues are kept."""
SIDE = 640
"""Pixels of the longer side of such a photo."""


class ItemPhotos:
    """The photos of items, by what the store says of them.

    `catalogues` gives the folders of the catalogues that were ingested, the latest first. They are asked for
    again after `FRESH_S`: a catalogue may be ingested while the page is served.
    """

    def __init__(self, settings: Settings, catalogues: Callable[[], Sequence[Path]] = tuple) -> None:
        folder = settings.page.photos
        self._set = [Path(folder).resolve()] if folder else []
        self._catalogues = catalogues
        self._roots: list[Path] = []
        self._until = -math.inf
        self._limits: Fetch = settings.fetch

    def has(self, image: Any) -> bool:
        """Whether there is something to show for an item's `image`."""
        return isinstance(image, str) and (is_url(image) or self._file(image) is not None)

    def read(self, image: Any) -> tuple[bytes, str]:
        """The photo and its MIME type; a `PhotoError` if there is none to show."""
        if isinstance(image, str) and is_url(image):
            with closing(Fetcher(self._limits)) as fetcher:
                data = fetcher.fetch(image)
        elif isinstance(image, str) and (file := self._file(image)) is not None:
            data = read_file(file, self._limits.max_bytes)
        else:
            raise PhotoError("there is no photo to show; name the folder of photos in page.photos")
        return data, _kind(data)

    def _file(self, image: str) -> Path | None:
        """The file, links followed, if it lies in one of the folders."""
        for root in self._folders():
            try:
                file = photo_file(root, image.removeprefix("file://")).resolve()
                if file.is_relative_to(root) and file.is_file():
                    return file
            except (OSError, ValueError):
                continue
        return None

    def _folders(self) -> list[Path]:
        if self._set:
            return self._set
        if time.monotonic() > self._until:
            self._roots = [folder.resolve() for folder in self._catalogues()]
            self._until = time.monotonic() + FRESH_S
        return self._roots


def photo_of(item: Mapping[str, Any], number: int = 0) -> Any:
    """The embedded photo of an item, or with a number from 1 one of all; None where there is none."""
    if number <= 0:
        return item.get("image")
    photos = item.get("photos")
    return photos[number - 1] if isinstance(photos, list) and number <= len(photos) else None


class SearchPhotos:
    """The photos of the newest searches, made small, by a name that cannot be guessed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._photos: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, data: bytes) -> str:
        """Keep a photo and return its name. A `PhotoError` says why it is not a photo."""
        photo = decode(data, self._limits)
        photo.thumbnail((SIDE, SIDE))
        small = BytesIO()
        photo.save(small, "JPEG", quality=92)
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._photos[name] = small.getvalue()
            while len(self._photos) > SEARCH_PHOTOS:
                self._photos.popitem(last=False)
        return name

    def get(self, name: str) -> bytes:
        """The photo as JPEG; a `BadRequest` once it is no longer kept."""
        with self._lock:
            if name not in self._photos:
                raise BadRequest("the photo of this search is no longer kept; choose it again")
            self._photos.move_to_end(name)
            return self._photos[name]

    def decoded(self, name: str) -> Image.Image:
        """The photo, RGB."""
        return decode(self.get(name), self._limits)


def _kind(data: bytes) -> str:
    try:
        with Image.open(BytesIO(data), formats=tuple(KINDS)) as photo:
            return KINDS[photo.format or ""]
    except (UnidentifiedImageError, OSError, KeyError, Image.DecompressionBombError):
        raise PhotoError("browsers cannot show this photo; replace it") from None
