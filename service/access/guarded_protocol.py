"""HTTP/1.1 on one connection, by uvicorn and httptools: how long it may take to say something or to listen.

uvicorn waits for a request's head for ever, and for a reader too. Here a head has `HEAD_S`, and a reader must
take `READ_BYTES` in `READ_S`. Requests that are sent ahead wait unparsed. One that could be read in two ways
is refused.

Laws (tests/service/access/test_connections.py, tests/service/access/test_guarded_protocol.py):
- a head that is not whole in time is answered 408, and what is not read in time is dropped;
- however the bytes of requests are cut on their way, they are answered the same, each in its turn;
- a head, trailers and requests sent ahead take no more memory than is allowed, and a trailer is no header;
- a request names its host once and the length of its body in one way, so nobody reads another one than we do;
- as the server ends, what a client may have sent already is answered, and then the connection is closed;
- a request that would like another protocol is answered in this one: its body is read, and what follows too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from vlclip.service.access.bodies import MAX_HEADER_BYTES, MAX_QUERY_BYTES
from vlclip.service.access.connections import SWEEP_S, Connections
from vlclip.service.http.problems import PROBLEM, RETRY_AFTER_S

log = logging.getLogger("vlclip.api")
HEAD_S = 10.0
"""Seconds for the head of a request, from its first byte."""
READ_S, READ_BYTES = 30.0, 32_768
"""Within these seconds so many bytes of an answer, or all that are left, must have been read."""
LINGER_S = 5.0
"""Seconds in which a body may still come that was refused before it was whole."""
FAREWELL_S = 0.25
"""Seconds in which a client that cannot know yet of the server's end may still send a request."""
MOST_UNUSED = MAX_QUERY_BYTES + MAX_HEADER_BYTES
"""Bytes that may come and make no head whole and no body longer: a long head, trailers, empty lines."""
PIECE = 4096
"""Bytes that are parsed at once; what comes behind a request that waits for another one is not parsed yet."""
NO_HTTP = "Invalid HTTP request received."
_TARGET = re.compile(rb"\*|/[^\x00-\x20#\x7f-\xff]*")
_LENGTHS = (b"content-length", b"transfer-encoding")


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits on what a client may leave unsaid or unread.

    Its parser reads on while a request is at work: `cycle` is the one that came last, and the ones before it
    are answered first.
    """

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = connections
        self.address = ""
        self._opened_at = self._left_over_at = 0.0
        self._head_at: float | None = None
        self._in_body = self._is_muted = self._is_over = self._is_last = False
        self._unparsed = b""
        self._unused = self._answered = 0
        self._unread: tuple[float, int, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it where there is no room."""
        super().connection_made(transport)
        self.address, self._opened_at = self.client[0] if self.client else "", self.loop.time()
        if not self._connections.open(self, self.loop):
            log.warning("connections are refused: there are as many as may be, and all are at work")
            self._refuse(503, "overloaded", "there are as many connections as may be; come back in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        self._connections.close(self)
        super().connection_lost(exc)
        # asyncio's transport holds itself by this method, and would wait for the garbage collector
        vars(self.transport).pop("_read_ready_cb", None)

    def data_received(self, data: bytes) -> None:
        """Read on; note when a head begins, and refuse what is no HTTP or never becomes a request."""
        if self.transport.is_closing() or self._is_over:
            return
        self._unset_keepalive_if_required()
        if self._head_at is None and not self._in_body:
            self._head_at = self.loop.time()
        self._unparsed += data
        self._read_on()

    def _read_on(self) -> None:
        """Parse what has come, up to a request that waits for the one before it."""
        at, data, self._unparsed = 0, self._unparsed, b""
        try:
            while at < len(data) and not self.pipeline:
                parsed = self._feed(data[at : at + PIECE])
                at += parsed
                self._unused += parsed
                if self._unused > MOST_UNUSED:
                    raise httptools.HttpParserError(NO_HTTP)
        except httptools.HttpParserError:
            self._refuse_words()
        else:
            self._unparsed = data[at:]

    def _feed(self, data: bytes) -> int:
        """Parse `data`, or as far as a head that would like another protocol; how many bytes that were."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # this parser has no more to say, not even of a body
            self.parser = httptools.HttpRequestParser(self)
            if self._in_body:
                lengths = b"".join(b"%b: %b\r\n" % pair for pair in self.headers if pair[0] in _LENGTHS)
                self._is_muted = True
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + lengths + b"\r\n")
                self._is_muted = False
            return int(upgrade.args[0])
        return len(data)

    def on_message_begin(self) -> None:
        """Note when a head begins that came with the request before it."""
        if self._is_muted:
            return
        super().on_message_begin()
        if self._head_at is None:
            self._head_at = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """Keep a part of the target."""
        if not self._is_muted:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes behind a body is none."""
        if not self._in_body:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Begin the request, or let it wait for the one before it."""
        if self._is_muted:
            return
        version, headers = self.parser.get_http_version(), self.headers
        hosts = sum(name == b"host" for name, _ in headers)
        if (
            version not in ("1.0", "1.1")
            or hosts > 1
            or (version == "1.1" and not hosts)
            or not _TARGET.fullmatch(self.url)
            or self.parser.get_method() == b"CONNECT"
            or any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in headers)
        ):
            raise httptools.HttpParserError(NO_HTTP)
        super().on_headers_complete()
        if self._is_last:
            self.cycle.keep_alive = False
        self._unset_keepalive_if_required()
        self._head_at, self._in_body, self._unused = None, True, 0
        self._connections.works(self)

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the next bytes are those of a head."""
        if self.parser.should_upgrade() and any(name in _LENGTHS for name, _ in self.headers):
            return  # its body is still to come
        self._in_body, self._unused, self._left_over_at = False, 0, 0.0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note that it waits again, or that a body is still to come which nobody wants."""
        self._answered += 1
        super().on_response_complete()
        if self._unparsed and not self.transport.is_closing():
            self._read_on()
        if self._is_at_work or self.transport.is_closing():
            return
        if self._is_over:
            self._refuse_words()
            return
        if self._in_body:
            self._left_over_at = self.loop.time()
        elif self._head_at is not None:  # it came while the answer was under way
            self._head_at = self.loop.time()
        self._connections.waits(self)

    def resume_writing(self) -> None:
        """What was to be read has been."""
        self._unread = None
        super().resume_writing()

    def shutdown(self) -> None:
        """Answer what is under way, and one request that may be on its way; then close."""
        self._is_last = True
        if self._is_at_work:
            super().shutdown()
        else:
            self._unset_keepalive_if_required()
            self.loop.call_later(FAREWELL_S, self._close_unless_at_work)

    def _close_unless_at_work(self) -> None:
        if not (self._is_at_work or self.transport.is_closing()):
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close what is idle; where the last answer was not read, closing would wait for its reader."""
        if self.transport.get_write_buffer_size():
            self.drop("its answer was not read")
        else:
            super().timeout_keep_alive_handler()

    def _should_upgrade(self) -> bool:
        """There is nothing to upgrade to, and no need to say so for each request."""
        return False

    @property
    def _is_at_work(self) -> bool:
        """Whether a request waits for its answer."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_unread(self) -> bool:
        """Whether its reader has taken nothing to speak of since the last look."""
        return self._unread is not None and self.loop.time() - self._unread[0] > SWEEP_S

    def check(self, now: float) -> None:
        """Close the connection if it has taken too long for what it does."""
        size = self.transport.get_write_buffer_size()
        if not size:
            self._unread = None
        elif self._unread is None or self._is_read(*self._unread[1:]):
            self._unread = now, size, self._answered
        elif now - self._unread[0] > READ_S:
            self.drop("its answer was not read")
            return
        if self._is_at_work:
            return
        if self._head_at is not None:
            if now - self._head_at > HEAD_S:
                self._refuse(
                    408, "request-timeout", f"the head of the request did not come within {HEAD_S:g} s"
                )
        elif self.cycle is None:
            if now - self._opened_at > self._connections.limits.silent_s:
                self.transport.close()
        elif self._left_over_at and now - self._left_over_at > LINGER_S:
            self.drop("it sends a body that was refused")

    def _is_read(self, before: int, answered: int) -> bool:
        """Whether its reader has gone on since `before` bytes waited in an answer."""
        return answered != self._answered or self.transport.get_write_buffer_size() <= before - READ_BYTES

    def drop(self, why: str) -> None:
        """End the connection at once."""
        log.warning("a connection was dropped: %s", why)
        self._connections.close(self)
        self.transport.abort()

    def _refuse_words(self) -> None:
        """Refuse what is no HTTP, once what came before it is answered; within a request, end at once."""
        self._is_over = True
        if self._is_at_work and self._in_body:
            self.drop("it sent what is no HTTP")
        elif not self._is_at_work:
            self.logger.warning(NO_HTTP)
            self._refuse(400, "bad-request", NO_HTTP)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer with a problem and close; for what no application was asked."""
        self._connections.close(self)
        form = {
            "type": "about:blank", "title": code.replace("-", " "), "status": status, "detail": detail,
            "code": code, "request_id": "",
        }  # fmt: skip
        body = json.dumps(form).encode()
        head = (
            f"HTTP/1.1 {status} \r\ncontent-type: {PROBLEM}\r\ncontent-length: {len(body)}\r\n"
            f"retry-after: {RETRY_AFTER_S}\r\nconnection: close\r\n\r\n"
        )
        self._unset_keepalive_if_required()
        self.transport.write(head.encode() + body)
        if self.transport.get_write_buffer_size():  # nobody reads, so closing would wait
            self.transport.abort()
        else:
            self.transport.close()
