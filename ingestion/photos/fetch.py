"""Photos over HTTP, from servers that are not trusted.

Laws (tests/ingestion/photos/test_fetch.py):
- no more than `max_bytes` are read, no longer than `timeout_s` per attempt and three times that in all, nor
  beyond the time that all photos of a request have, whatever the server announces;
- the content type is ignored;
- every hop of a redirect is checked like the first URL;
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

import httpcore2
import httpx2

from vlclip.ingestion.errors import FetchError
from vlclip.ingestion.photos.guard import Deadline, GuardedBackend
from vlclip.ingestion.settings import Fetch

ATTEMPTS = 3
BACKOFF_S = 0.5
MAX_WAIT_S = 10.0
OVER = "the time for the photos of this request was over before this one had come; send the item again"
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


class Fetcher:
    """Gets photos within the limits of `settings`; safe to use from several threads.

    `backoff_s` is the wait before the second attempt, doubled after that; tests make it 0. Fetching ends at
    `until`, in seconds of the monotonic clock.
    """

    def __init__(self, settings: Fetch, *, backoff_s: float = BACKOFF_S, until: float = math.inf) -> None:
        self._settings = settings
        self._until = until
        self._backoff_s = backoff_s
        self._deadline = Deadline()
        self._closed = threading.Event()

    def fetch(self, url: str) -> bytes:
        """The body at `url`; a `FetchError` says why it cannot be fetched."""
        end = min(self._until, time.monotonic() + ATTEMPTS * self._settings.timeout_s)
        for attempt in range(ATTEMPTS):
            if self._closed.is_set():
                break
            if time.monotonic() >= self._until:
                raise FetchError(OVER)
            try:
                return self._attempt(url, end)
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

    def _attempt(self, url: str, end: float) -> bytes:
        self._deadline.at = min(time.monotonic() + self._settings.timeout_s, end)
        target = httpx2.URL(url)
        try:
            for _ in range(self._settings.max_redirects + 1):
                if target.scheme not in ("http", "https") or not target.host:
                    raise FetchError(f"{str(target)[:200]!r} is not an http(s) URL")
                answer = self._get(target)
                if isinstance(answer, bytes):
                    return answer
                target = target.join(answer)
        except httpcore2.TimeoutException:
            raise _AttemptError(f"no photo within {self._settings.timeout_s:g} s") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _AttemptError(f"the connection failed ({error or type(error).__name__})") from None
        raise FetchError(f"more than {self._settings.max_redirects} redirects; use the final URL")

    def _get(self, target: httpx2.URL) -> bytes | str:
        """The body, or the address the server points to instead."""
        address = httpcore2.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
        )
        times = {"pool": self._settings.timeout_s}
        with self._pool.stream("GET", address, headers=HEADERS, extensions={"timeout": times}) as response:
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status in (301, 302, 303, 307, 308) and (location := headers.get(b"location")):
                return location
            if response.status == 429 or response.status >= 500:
                wait_s = _seconds(headers.get(b"retry-after", ""))
                raise _AttemptError(f"the server answered {response.status}", wait_s)
            if response.status != 200:
                raise FetchError(f"the server answered {response.status}; correct the URL")
            return self._body(response, headers.get(b"content-length", ""))

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
