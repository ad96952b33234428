"""Connections to public addresses only, within a deadline.

Laws (tests/ingestion/photos/test_fetch.py):
- every address a name resolves to is checked, and the connection goes to the checked address
  itself: resolving the name again cannot change where it goes (no DNS rebinding);
- a refusal says what name was refused, never which address it has or where a port is open;
- no read, write or handshake outlasts the deadline of its thread, however slowly bytes arrive.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

from vlclip.ingestion.errors import FetchError
from vlclip.ingestion.photos.public_addresses import is_public


class Deadline(threading.local):
    """When the photo that this thread fetches has to have arrived, on the monotonic clock."""

    at = 0.0

    def left(self, timeout: float | None) -> float:
        """Seconds until the deadline or `timeout`, whichever is sooner; raises when none are left."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time for this photo is over")
        return left if timeout is None else min(left, timeout)


class GuardedBackend(httpcore2.NetworkBackend):
    """httpcore's sockets, with the address checked and the deadline kept."""

    def __init__(self, deadline: Deadline, *, allow_private: bool) -> None:
        self._deadline = deadline
        self._allow_private = allow_private
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """A stream to the first allowed address of `host` that answers."""
        refusal: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in allowed_addresses(host, port, allow_private=self._allow_private):
            try:
                stream = self._sockets.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                refusal = error
                continue
            return _GuardedStream(stream, self._deadline)
        raise refusal

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the signature is httpcore's
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        """Refused: photos come over TCP."""
        raise FetchError(f"photos are not fetched over sockets such as {path}")

    def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between its own attempts."""
        time.sleep(min(seconds, self._deadline.left(None)))


class _GuardedStream(httpcore2.NetworkStream):
    """A stream whose every step ends by the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _GuardedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def allowed_addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of `host` that may be connected to; a `FetchError` where none may."""
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchError(f"the name {host!r} cannot be resolved; check the URL") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in resolved))
    allowed = [address for address in addresses if allow_private or is_public(address)]
    if not allowed:
        raise FetchError(
            f"{host} has no address of the public internet; "
            "set fetch.allow_private if photos may come from private networks"
        )
    return allowed
