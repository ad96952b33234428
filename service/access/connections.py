"""The open connections of a server: how many there may be, in all and from one address, and which makes room.

Where there are as many as may be, a new one takes the place of the one that has waited longest without a
request. Where all are at work, it is refused.

Laws (tests/service/access/test_connections.py):
- never are more connections open than allowed, in all or from one address;
- a connection whose request is under way is never closed for another one, unless it does not read its answer;
- somebody new is served, however many connections wait without a request.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Protocol

from vlclip.service.access.proxies import Proxies

SWEEP_S = 1.0
"""Seconds between two looks at all connections."""
NOBODY = Proxies(())


class Connection(Protocol):
    """What is asked of a connection (`guarded_protocol.py`)."""

    address: str

    @property
    def is_unread(self) -> bool:
        """Whether its reader has taken nothing to speak of since the last look."""

    def check(self, now: float) -> None:
        """Close the connection if it has taken too long for what it does."""

    def drop(self, why: str) -> None:
        """End the connection at once."""


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
        self.opened: set[Connection] = set()
        self._of: Counter[str] = Counter()
        self._strange: OrderedDict[Connection, None] = OrderedDict()
        self._kept: OrderedDict[Connection, None] = OrderedDict()
        self._sweeping = False

    def open(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
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

    def close(self, connection: Connection) -> None:
        """The connection has ended, or is about to."""
        if connection in self.opened:
            self.opened.remove(connection)
            self._of[connection.address] -= 1
            if not self._of[connection.address]:
                del self._of[connection.address]
        self.works(connection)

    def works(self, connection: Connection) -> None:
        """Its request is under way."""
        self._strange.pop(connection, None)
        self._kept.pop(connection, None)

    def waits(self, connection: Connection) -> None:
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
