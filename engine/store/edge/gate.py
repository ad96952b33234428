"""Lets writes of a store pass, and stops them all for a moment, whichever process they are in.

Every change of an embedded store passes its gate, which takes microseconds. A backup closes the gate: it
waits for the changes under way, those that come wait for it, and meanwhile the files are what a killed
process would leave, which opens. Two locks on files do this: a change holds `gate` with others, and passes
the `turnstile` on its way in, so that a backup that holds the turnstile is not overtaken for ever. The
system frees both when a process dies.

Laws (tests/engine/store/test_snapshot.py):
- while the gate is closed no change begins, in any process; afterwards all that waited are made;
- a backup that waits for a long change (the building of a graph) holds nobody else up for long.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vlclip.engine.errors import StoreError
from vlclip.engine.store.edge.folder import disk_errors

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

GATE, TURNSTILE = ".gate", ".turnstile"
"""Files in the folder of a store, never written to."""
ROUND_S, PAUSE_S, LOOK_S = 0.5, 0.25, 0.002
"""How long a backup that waits holds others up, lets them pass then, and how often it looks."""


class Gate:
    """The gate of the store in a folder; safe to use from several threads and processes."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._passing = threading.Lock()
        self._kept: tuple[int, int] | None = None

    def keep_open(self) -> None:
        """Keep the two files open until `close`, for somebody who passes often."""
        with disk_errors(self._store):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._kept = (
                os.open(self._store / GATE, flags, 0o666), os.open(self._store / TURNSTILE, flags, 0o666)
            )  # fmt: skip

    def close(self) -> None:
        """Close what is kept open; safe to call twice."""
        with self._passing:
            if self._kept is not None:
                for handle in self._kept:
                    os.close(handle)
            self._kept = None

    @contextmanager
    def passing(self) -> Iterator[None]:
        """For a change of the store. It is not to be called again within itself."""
        if fcntl is None:
            yield
            return
        with self._passing:
            if self._kept is not None:
                with _shared(*self._kept):
                    yield
                return
        with self._file(GATE) as gate:
            with self._file(TURNSTILE) as turnstile:
                fcntl.flock(turnstile, fcntl.LOCK_SH)
                fcntl.flock(gate, fcntl.LOCK_SH)
            yield

    @contextmanager
    def closed(self, waiting: Callable[[float], None] = lambda _: None) -> Iterator[None]:
        """For a backup: nothing changes within. `waiting` is called with the seconds waited so far."""
        if fcntl is None:
            raise StoreError(
                "this system has no locks that a backup of a served store needs; stop what has it open, "
                "and copy its folder"
            )
        began = time.monotonic()
        with self._file(GATE) as gate:
            while True:
                with self._file(TURNSTILE) as turnstile:
                    fcntl.flock(turnstile, fcntl.LOCK_EX)
                    if _locked(gate, time.monotonic() + ROUND_S):
                        yield
                        return
                waiting(time.monotonic() - began)
                time.sleep(PAUSE_S)

    @contextmanager
    def _file(self, name: str) -> Iterator[int]:
        with disk_errors(self._store):
            handle = os.open(self._store / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            yield handle
        finally:
            os.close(handle)


@contextmanager
def _shared(gate: int, turnstile: int) -> Iterator[None]:
    fcntl.flock(turnstile, fcntl.LOCK_SH)
    try:
        fcntl.flock(gate, fcntl.LOCK_SH)
    finally:
        fcntl.flock(turnstile, fcntl.LOCK_UN)
    try:
        yield
    finally:
        fcntl.flock(gate, fcntl.LOCK_UN)


def _locked(handle: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
        else:
            return True
