"""Where a catalogue that changes comes from: files, HTTP, and whatever fsspec reads, such as s3://.

The operator names a source, so addresses of private networks are allowed here; those in its rows are not.

Laws (tests/ingestion/reading/test_sources.py):
- a source is new until a run over it is settled, and again when its content, size, time or ETag is
  another one;
- a file that is being written is waited for, so no run sees half of it;
- a download that breaks off leaves the copy of before.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

from vlclip.engine.disk import whole_file
from vlclip.engine.tables.registry import FORMATS
from vlclip.ingestion.errors import CatalogueError

QUIET_S = 1.0
"""A file that changed more recently may still be being written."""
TIMEOUT_S = 60.0
ENDINGS = {
    "text/csv": ".csv", "text/tab-separated-values": ".tsv", "application/json": ".json",
    "application/ld+json": ".json", "application/x-ndjson": ".jsonl", "application/jsonl": ".jsonl",
    "application/xml": ".xml", "text/xml": ".xml", "application/rss+xml": ".xml",
    "application/vnd.apache.parquet": ".parquet",
}  # fmt: skip
"""What a media type says where an address has no ending."""
VERSION_KEYS = (
    "name", "size", "ETag", "etag", "mtime", "created", "LastModified", "last_modified", "generation",
    "md5Hash",
)  # fmt: skip
Pause = Callable[[float], bool]
"""Waits so many seconds; True if it is time to stop."""


class Source(Protocol):
    """A catalogue that is looked at again and again."""

    name: str

    def renewed(self, pause: Pause) -> Path | None:
        """The catalogue on this disk if it is new since the last `settle`; else, and on a stop, None."""
        ...

    def settle(self) -> None:
        """What `renewed` gave has been ingested."""
        ...


def open_source(source: str, copies: Path) -> Source:
    """The source at a path or URL; what is not on this disk is copied to a folder of its own in `copies`."""
    scheme = urlsplit(source).scheme if "://" in source else ""
    if scheme in ("", "file"):
        return LocalSource(Path(source.removeprefix("file://")))
    folder = copies / hashlib.sha256(source.encode()).hexdigest()[:12]
    return HttpSource(source, folder) if scheme in ("http", "https") else RemoteSource(source, folder)


class LocalSource:
    """A file or a folder of shards on this disk."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.name, self._path, self._now = str(path), path.expanduser(), now
        self._done: object = None
        self._seen: object = None

    def renewed(self, pause: Pause) -> Path | None:
        """The path, once nobody writes there."""
        while True:
            state, changed_at = self._look()
            if state == self._done:
                return None
            age = self._now() - changed_at
            if state == self._seen and not 0 <= age < QUIET_S:
                return self._path
            self._seen = state
            if pause(QUIET_S):
                return None

    def settle(self) -> None:
        """Remember the state that was seen last."""
        self._done = self._seen

    def _look(self) -> tuple[object, float]:
        """Names, sizes and times, and the latest time."""
        try:
            files = [self._path]
            if self._path.is_dir():
                files = sorted(file for file in self._path.iterdir() if file.suffix.lower() in FORMATS)
            stats = [(str(file), file.stat()) for file in files]
        except OSError as error:
            raise CatalogueError(
                f"{self._path} cannot be read ({error.strerror or error}); check it"
            ) from None
        if not stats:
            raise CatalogueError(f"{self._path} holds no catalogue yet")
        state = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
        return state, max(stat.st_mtime for _, stat in stats)


class HttpSource:
    """A file at an HTTP address, fetched when its ETag, its time or, without these, its content changes."""

    def __init__(self, url: str, folder: Path, transport: httpx2.BaseTransport | None = None) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"  # without a password or a token
        self._url, self._folder, self._transport = url, folder, transport
        self._conditions: dict[str, str] = {}
        self._digest = self._fresh_digest = ""
        self._fresh: dict[str, str] = {}

    def renewed(self, pause: Pause) -> Path | None:  # noqa: ARG002 - a download is whole or fails
        """The fetched file; None where the server says that it has not changed, or it is the same again."""
        try:
            with (
                httpx2.Client(follow_redirects=True, timeout=TIMEOUT_S, transport=self._transport) as client,
                client.stream("GET", self._url, headers=self._conditions) as answer,
            ):
                if answer.status_code == 304:
                    return None
                if answer.status_code != 200:
                    raise CatalogueError(f"{self.name} answers {answer.status_code}; check the address")
                file = self._folder / self._file_name(answer.headers.get("content-type", ""))
                digest = written(file, answer.iter_bytes())
                headers = answer.headers
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise CatalogueError(f"{self.name} cannot be fetched ({error or type(error).__name__})") from None
        named = {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
        self._fresh = {name: value for name, value in named.items() if value}
        self._fresh_digest = digest
        if digest == self._digest:
            self.settle()
            return None
        return file

    def settle(self) -> None:
        """Ask only for what is newer from now on."""
        self._conditions, self._digest = self._fresh, self._fresh_digest

    def _file_name(self, content_type: str) -> str:
        name = PurePosixPath(urlsplit(self._url).path).name or "catalogue"
        if PurePosixPath(name).suffix.lower() in FORMATS:
            return name
        ending = ENDINGS.get(content_type.partition(";")[0].strip().lower(), "")
        if ending not in FORMATS:
            raise CatalogueError(
                f"neither the address {self.name} nor its type {content_type or '(none)'} says what kind of "
                f"file it is; use an address that ends in {', '.join(FORMATS)}"
            )
        return name + ending


class RemoteSource:
    """A file or a folder of shards that fsspec reads, such as s3://bucket/feed.csv."""

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._url, self._folder = url, folder
        self._done: object = None
        self._seen: object = None

    def renewed(self, pause: Pause) -> Path | None:  # noqa: ARG002 - objects are replaced as a whole
        """A copy of the files; None where they have the same ETags, times and sizes as before."""
        try:
            return self._renewed()
        except ImportError as error:
            raise CatalogueError(
                f"{self.name} needs a further package ({error}); pip install 'vlclip[watch]'"
            ) from None
        except CatalogueError:
            raise
        except Exception as error:  # noqa: BLE001 - each of fsspec's file systems has errors of its own
            raise CatalogueError(f"{self.name} cannot be read ({error or type(error).__name__})") from None

    def _renewed(self) -> Path | None:
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - optional; it ships no types

        system, path = fsspec.core.url_to_fs(self._url)
        system.invalidate_cache()  # listings and sizes are kept otherwise
        whole = system.info(path)
        is_folder = whole["type"] == "directory"
        infos = system.ls(path, detail=True) if is_folder else [whole]
        files = sorted((info for info in infos if _is_catalogue(info)), key=lambda info: str(info["name"]))
        if not files:
            raise CatalogueError(f"{self.name} holds no catalogue; files end in {', '.join(FORMATS)}")
        state = [_version(info) for info in files]
        if state == self._done:
            return None
        names = [PurePosixPath(info["name"]).name for info in files]
        for name, info in zip(names, files, strict=True):
            with system.open(info["name"], "rb") as remote:
                written(self._folder / name, iter(lambda: remote.read(1 << 20), b""))
        for old in self._folder.iterdir():
            if old.name not in names:
                old.unlink()
        self._seen = state
        return self._folder if is_folder else self._folder / names[0]

    def settle(self) -> None:
        """Remember the state that was copied last."""
        self._done = self._seen


def _is_catalogue(info: Mapping[str, Any]) -> bool:
    return info["type"] == "file" and PurePosixPath(info["name"]).suffix.lower() in FORMATS


def _version(info: Mapping[str, Any]) -> tuple[str, ...]:
    """What says that an object is another one than before, in the words of each file system."""
    return tuple(str(info.get(key)) for key in VERSION_KEYS)


def written(file: Path, chunks: Iterable[bytes]) -> str:
    """Replace `file` by the chunks, at once when all are there; the SHA-256 of them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with whole_file(file, "wb") as target:
        for chunk in chunks:
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()
