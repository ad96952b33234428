"""Connections to the server: how many, and how long each may take to say something or to listen.

uvicorn waits for a request's head for ever, and for a reader too. Here a head has `HEAD_S`, and a reader must
take `READ_BYTES` in `READ_S`. Where there are as many connections as may be, a new one takes the place of the
one that has waited longest without a request. Where all are at work, it is refused.

Laws (tests/service/access/test_connections.py):
- a head that is not whole in time is answered 408, and what is not read in time is dropped;
- never are more connections open than allowed, in all or from one address;
- a connection whose request is under way is never closed for another one, unless it does not read its answer;
- somebody new is served, however many connections wait without a request.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from vlclip.service.access.proxies import Proxies
from vlclip.service.http.problems import PROBLEM, RETRY_AFTER_S

log = logging.getLogger("vlclip.api")
HEAD_S = 10.0
"""Seconds for the head of a request, from its first byte."""
READ_S, READ_BYTES = 30.0, 32_768
"""Within these seconds so many bytes of an answer, or all that are left, must have been read."""
LINGER_S = 5.0
"""Seconds in which a body may still come that was refused before it was whole."""
SWEEP_S = 1.0
NOBODY = Proxies(())


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The most connections in all and from one address (0: no limit), and seconds for one without a request.

    `proxies` speak for many and have no limit of their own.
    """

    total: int
    per_address: int
    silent_s: float
    proxies: Proxies = NOBODY


class Connections:
    """The open connections of one server, and which of them wait; for its event loop only."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.opened: set[GuardedProtocol] = set()
        self._of: Counter[str] = Counter()
        self._strange: OrderedDict[GuardedProtocol, None] = OrderedDict()
        self._kept: OrderedDict[GuardedProtocol, None] = OrderedDict()
        self._sweeping = False

    def open(self, connection: GuardedProtocol, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether there is room for a new connection, if need be that of another one."""
        address = connection.address
        limit = 0 if self.limits.proxies.trust(address) else self.limits.per_address
        if limit and self._of[address] >= limit and not self._make_room(address):
            return False
        if len(self.opened) >= self.limits.total and not self._make_room(None):
            return False
        self.opened.add(connection)
        self._of[address] += 1
        self._strange[connection] = None
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_S, self._sweep, loop)
        return True

    def close(self, connection: GuardedProtocol) -> None:
        """The connection has ended, or is about to."""
        if connection in self.opened:
            self.opened.remove(connection)
            self._of[connection.address] -= 1
            if not self._of[connection.address]:
                del self._of[connection.address]
        self.works(connection)

    def works(self, connection: GuardedProtocol) -> None:
        """Its request is under way."""
        self._strange.pop(connection, None)
        self._kept.pop(connection, None)

    def waits(self, connection: GuardedProtocol) -> None:
        """It has been answered and has no further request yet."""
        if connection in self.opened:
            self._kept[connection] = None

    def _make_room(self, address: str | None) -> bool:
        """Drop what has waited longest for a request, of those that never sent one if there are any."""
        for waiting in (self._strange, self._kept):
            for connection in waiting:
                if address is None or connection.address == address:
                    connection.drop("another one needs its place")
                    return True
        for connection in self.opened:
            if connection.is_unread and (address is None or connection.address == address):
                connection.drop("another one needs its place, and its answer was not read")
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.opened):
            connection.check(now)
        self._sweeping = bool(self.opened)
        if self._sweeping:
            loop.call_later(SWEEP_S, self._sweep, loop)


class GuardedProtocol(H11Protocol):
    """uvicorn's protocol, with limits on what a client may leave unsaid or unread."""

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
        self._unread: tuple[float, int, RequestResponseCycle] | None = None

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

    def data_received(self, data: bytes) -> None:
        """Note when a head begins and when it is whole."""
        if self.transport.is_closing():
            return
        if self._head_at is None and self.conn.their_state is h11.IDLE:
            self._head_at = self.loop.time()
        super().data_received(data)
        if self._head_at is not None and self.conn.their_state is not h11.IDLE:
            self._head_at = None
            self._connections.works(self)

    def on_response_complete(self) -> None:
        """Note that it waits again, or that a body is still to come which nobody wants."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._head_at = self.loop.time() if self.conn.trailing_data[0] else None
            self._connections.waits(self)
        elif self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
            self._left_over_at = self.loop.time()
            self._connections.waits(self)

    def resume_writing(self) -> None:
        """What was to be read has been."""
        self._unread = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close what is idle; where the last answer was not read, closing would wait for its reader."""
        if self.transport.get_write_buffer_size():
            self.drop("its answer was not read")
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; in the middle of an answer the connection can only end."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.drop("it sent what is no HTTP")
        else:
            self._refuse(400, "bad-request", msg)

    def _should_upgrade(self) -> bool:
        """There is nothing to upgrade to, and no need to say so for each request."""
        return False

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
            self._unread = now, size, self.cycle
        elif now - self._unread[0] > READ_S:
            self.drop("its answer was not read")
            return
        if self._head_at is not None:
            if now - self._head_at > HEAD_S:
                self._refuse(
                    408, "request-timeout", f"the head of the request did not come within {HEAD_S:g} s"
                )
        elif self.cycle is None:
            if now - self._opened_at > self._connections.limits.silent_s:
                self.transport.close()
        elif self._left_over_at:
            if self.conn.their_state is not h11.SEND_BODY or not self.cycle.response_complete:
                self._left_over_at = 0.0
            elif now - self._left_over_at > LINGER_S:
                self.drop("it sends a body that was refused")

    def _is_read(self, before: int, cycle: RequestResponseCycle) -> bool:
        """Whether its reader has gone on since `before` bytes waited in an answer."""
        return cycle is not self.cycle or self.transport.get_write_buffer_size() <= before - READ_BYTES

    def drop(self, why: str) -> None:
        """End the connection at once."""
        log.warning("a connection was dropped: %s", why)
        self._connections.close(self)
        self.transport.abort()

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
