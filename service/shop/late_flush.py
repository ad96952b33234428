"""Many small writes made safe from a power cut together: a flush soon after the first of them.

Each write survives a killed process by itself. A flush for each takes longer than the write.

Law (tests/service/shop/test_late_flush.py): after a write there is a flush, however many writes follow, and
none without a write.
"""

from __future__ import annotations

import logging
import threading

from vlclip.engine.errors import VlclipError
from vlclip.engine.store.store import Store

log = logging.getLogger("vlclip.api")
LATE_S = 1.0
"""The most seconds between a write and its flush."""


class LateFlush:
    """Flushes a store at most `late_s` after `soon` was called; safe to use from several threads."""

    def __init__(self, store: Store, late_s: float = LATE_S) -> None:
        self._store, self._late_s = store, late_s
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        """There is something to flush."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._late_s, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Flush nothing later; who closes the store flushes it."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()

    def _flush(self) -> None:
        with self._lock:
            self._timer = None  # a write from here on starts the next one
        try:
            self._store.flush()
        except VlclipError as error:
            log.error("the latest patches are not safe from a power cut: %s", error)  # noqa: TRY400 - it says why
