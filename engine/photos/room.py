"""The memory in which photos are decoded, counted over all threads of the process.

Laws (tests/engine/photos/test_room.py):
- what is held at one time never exceeds the limit of any photo that was let in;
- photos are let in by the order in which they came: small ones do not keep a large one waiting for ever;
- one that needs more than all of it is refused at once, one that waited for `wait_s` is refused then;
- however decoding ends, its room is free afterwards.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vlclip.engine.errors import PhotoError, PhotosBusy


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a photo may be, what all photos that are being decoded may take, and how long one waits."""

    max_pixels: int = 50_000_000
    memory_bytes: int = 500_000_000
    wait_s: float = 20.0


class Room:
    """Bytes that photos take while they are decoded; a photo waits in line until its own fit."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self.used_bytes = 0

    @contextmanager
    def hold(self, needed_bytes: int, limits: Limits, what: str) -> Iterator[None]:
        """Hold `needed_bytes` for the photo that `what` describes.

        Errors: `PhotoError` where they never fit, `PhotosBusy` where they did not fit in time.
        """
        if needed_bytes > limits.memory_bytes:
            raise PhotoError(
                f"{what} needs {needed_bytes:,} bytes of memory to decode; at most "
                f"{limits.memory_bytes:,} are allowed (fetch.decoding_bytes); make it smaller"
            )
        with self._changed:
            self._enter(needed_bytes, limits)
        try:
            yield
        finally:
            with self._changed:
                self.used_bytes -= needed_bytes
                if self._line:
                    self._changed.notify_all()

    def _enter(self, needed_bytes: int, limits: Limits) -> None:
        if not self._line and self.used_bytes + needed_bytes <= limits.memory_bytes:
            self.used_bytes += needed_bytes
            return
        turn = object()
        self._line.append(turn)
        try:
            if not self._changed.wait_for(
                lambda: self._line[0] is turn and self.used_bytes + needed_bytes <= limits.memory_bytes,
                limits.wait_s,
            ):
                raise PhotosBusy(
                    f"other photos took all the memory for decoding for {limits.wait_s:g} s; "
                    "try again later, or raise fetch.decoding_bytes"
                )
            self.used_bytes += needed_bytes
        finally:
            self._line.remove(turn)
            self._changed.notify_all()


ROOM = Room()
"""The room of this process."""
