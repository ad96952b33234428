"""Limits on the use of an endpoint: a pace per minute, and a break while it is dead.

Both are plain objects on a clock that tests can set; the caller does the waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_S = 5.0
"""This many seconds of the pace may be used at once after a rest."""
FAILURES = 3
REST_S = 30.0


class Pace:
    """Spreads use over time: in any stretch of `t` seconds at most `per_minute * (t + 5) / 60`.

    A single use greater than the burst goes ahead; the next use waits for it. `per_minute` 0 means
    no limit.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._most = self._rate * BURST_S
        self._left = self._most
        self._clock = clock
        self._at = clock()

    def wait_s(self, amount: float = 1.0) -> float:
        """Seconds to wait before using this amount, which counts as used from now on."""
        if not self._rate:
            return 0.0
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        before = self._left
        self._left -= amount
        return max(0.0, (min(amount, self._most) - before) / self._rate)

    def settle(self, difference: float) -> None:
        """Correct the last use: it took this much more than announced (less, if negative)."""
        self._left -= difference


class Breaker:
    """Opens after some failures in a row; then it lets one request through per rest, as a trial."""

    def __init__(
        self,
        failures: int = FAILURES,
        rest_s: float = REST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether the endpoint counts as dead."""
        return self._failures >= self._most

    def lets_through(self) -> bool:
        """Whether a request may go now."""
        if not self.open:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + self._rest_s
        return True

    def record(self, *, answered: bool) -> None:
        """Count how a request ended, after all its attempts."""
        self._failures = 0 if answered else self._failures + 1
        if not answered and self.open:
            self._until = self._clock() + self._rest_s
