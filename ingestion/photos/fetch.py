"""Photos over HTTP, from servers that are not trusted.

Laws (tests/ingestion/photos/test_fetch.py):
- no more than `max_bytes` are read, no longer than `timeout_s` per attempt and three times that in all, nor
  beyond the time that all photos of a request have, whatever the server announces;
- the content type is ignored;
- every hop of a redirect is checked like the first URL;
- a photo is the same as before if the server says so (304), or names the same ETag or time; its body is not
  read for this;
- overload, server errors, time-outs and broken connections are tried again, refusals are not.

Proxies of the environment are not used: they would resolve names after the check.
"""

from __future__ import annotations

import math
import random
import threading
import time
from email.utils import mktime_tz, parsedate_tz
from functools import cached_property
from typing import NamedTuple

import httpcore2
import httpx2

from vlclip.ingestion.errors import FetchError
from vlclip.ingestion.photos.guard import Deadline, GuardedBackend
from vlclip.ingestion.settings import Fetch

ATTEMPTS = 3
BACKOFF_S = 0.5
MAX_WAIT_S = 10.0
OVER = "the time for the photos of this request was over before this one had come; send the item again"
MAX_VERSION = 200
"""Characters of an ETag that are kept."""
_ETAG, _TIME = "etag ", "time "
HEADERS = [
    (b"User-Agent", b"vlclip"),
    (b"Accept", b"image/*,*/*;q=0.5"),
    (b"Accept-Encoding", b"identity"),
]


class _AttemptError(Exception):
    """One attempt failed, but a later one may succeed; `wait_s` is the wait that the server asks for."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Answer(NamedTuple):
    """What came of a request: the photo, unless only its version was asked for."""

    body: bytes
    version: str


class Fetcher:
    """Gets photos within the limits of `settings`; safe to use from several threads.

    `backoff_s` is the wait before the second attempt, doubled after that; tests make it 0. Fetching ends at
    `until`, in seconds of the monotonic clock.
    """

    def __init__(
        self,
        settings: Fetch,
        *,
        backoff_s: float = BACKOFF_S,
        until: float = math.inf,
    ) -> None:
        self._latest = threading.local()
        self._settings = settings
        self._until = until
        self._backoff_s = backoff_s
        self._deadline = Deadline()
        self._closed = threading.Event()

    def fetch(self, url: str) -> bytes:
        """The body at `url`; a `FetchError` says why it cannot be fetched."""
        answer = self._answer(url, None)
        self._latest.version = answer.version
        return answer.body

    def latest_version(self) -> str:
        """How the server named the version of the photo that this thread fetched last; "" if it did not."""
        return str(getattr(self._latest, "version", ""))

    def version(self, url: str, earlier: str) -> str:
        """The version of the photo at `url`: `earlier` if it is still that, "" where the server names none.

        A `FetchError` says why it cannot be asked.
        """
        return self._answer(url, earlier).version

    def _answer(self, url: str, earlier: str | None) -> _Answer:
        end = min(self._until, time.monotonic() + ATTEMPTS * self._settings.timeout_s)
        for attempt in range(ATTEMPTS):
            if self._closed.is_set():
                break
            if time.monotonic() >= self._until:
                raise FetchError(OVER)
            try:
                return self._attempt(url, end, earlier)
            except _AttemptError as failed:
                reason = str(failed)
                wait = max(self._backoff_s * 2**attempt * random.uniform(0.5, 1), failed.wait_s)  # noqa: S311
                if attempt + 1 < ATTEMPTS:
                    self._closed.wait(max(0.0, min(wait, MAX_WAIT_S, end - time.monotonic())))
            except (httpx2.InvalidURL, ValueError) as error:
                raise FetchError(f"{url[:200]!r} is not a URL: {error}") from None
        else:
            failed_often = f"{reason}, {ATTEMPTS} times in a row; try again later"
            raise FetchError(OVER if time.monotonic() >= self._until else failed_often)
        raise FetchError("the run was stopped before the photo had arrived")

    def close(self) -> None:
        """Close the connections; fetches under way end at their next step."""
        self._closed.set()
        if "_pool" in self.__dict__:
            self._pool.close()

    @cached_property
    def _pool(self) -> httpcore2.ConnectionPool:
        return httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=self._settings.concurrency,
            max_keepalive_connections=self._settings.concurrency,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(self._deadline, allow_private=self._settings.allow_private),
        )

    def _attempt(self, url: str, end: float, earlier: str | None) -> _Answer:
        self._deadline.at = min(time.monotonic() + self._settings.timeout_s, end)
        target = httpx2.URL(url)
        try:
            for _ in range(self._settings.max_redirects + 1):
                if target.scheme not in ("http", "https") or not target.host:
                    raise FetchError(f"{str(target)[:200]!r} is not an http(s) URL")
                answer = self._get(target, earlier)
                if isinstance(answer, _Answer):
                    return answer
                target = target.join(answer)
        except httpcore2.TimeoutException:
            raise _AttemptError(f"no photo within {self._settings.timeout_s:g} s") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _AttemptError(f"the connection failed ({error or type(error).__name__})") from None
        raise FetchError(f"more than {self._settings.max_redirects} redirects; use the final URL")

    def _get(self, target: httpx2.URL, earlier: str | None) -> _Answer | str:
        """The answer, or the address the server points to instead; with an `earlier` version no body."""
        address = httpcore2.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
        )
        times = {"pool": self._settings.timeout_s}
        headers_sent = [*HEADERS, *_conditions(earlier or "")]
        with self._pool.stream(
            "GET", address, headers=headers_sent, extensions={"timeout": times}
        ) as response:
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status in (301, 302, 303, 307, 308) and (location := headers.get(b"location")):
                return location
            if response.status == 429 or response.status >= 500:
                wait_s = _seconds(headers.get(b"retry-after", ""))
                raise _AttemptError(f"the server answered {response.status}", wait_s)
            if response.status == 304 and earlier:
                return _Answer(b"", earlier)
            if response.status != 200:
                raise FetchError(f"the server answered {response.status}; correct the URL")
            version = _version(headers.get(b"etag", ""), headers.get(b"last-modified", ""))
            if earlier is not None:
                return _Answer(b"", version)
            return _Answer(self._body(response, headers.get(b"content-length", "")), version)

    def _body(self, response: httpcore2.Response, announced: str) -> bytes:
        limit = self._settings.max_bytes
        too_large = f"the photo has more than {limit:,} bytes; make it smaller"
        if _is_whole(announced) and int(announced[:20]) > limit:
            raise FetchError(too_large)
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > limit:
                raise FetchError(too_large)
            if self._closed.is_set():
                raise FetchError("the run was stopped before the photo had arrived")
        return bytes(body)


def _version(etag: str, modified: str) -> str:
    """How a server names a photo's version: by its ETag, else by the time of its last change."""
    if etag:
        return f"{_ETAG}{etag[:MAX_VERSION]}"
    return f"{_TIME}{modified[:MAX_VERSION]}" if modified else ""


def _conditions(version: str) -> list[tuple[bytes, bytes]]:
    """The header that asks for a photo only if it is another one than this."""
    for sign, name in ((_ETAG, b"If-None-Match"), (_TIME, b"If-Modified-Since")):
        if version.startswith(sign):
            return [(name, version.removeprefix(sign).encode("latin-1", "ignore"))]
    return []


def _seconds(retry_after: str) -> float:
    """The wait in a Retry-After header, which holds seconds or a date; 0 where it is neither."""
    if _is_whole(retry_after):
        return float(retry_after[:6])
    try:
        parsed = parsedate_tz(retry_after)
        return max(0.0, mktime_tz(parsed) - time.time()) if parsed else 0.0
    except (ValueError, OverflowError):  # the year 99999
        return 0.0


def _is_whole(header: str) -> bool:
    """Whether a header is a whole number in ASCII digits; `int` refuses others, such as "²"."""
    return header.isascii() and header.isdigit()
