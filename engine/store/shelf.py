"""Where collections stand: one per encoder, side by side, and one of them is the current one.

A folder keeps them as folders and a pointer file, a server as collections and an alias. Both can fill
a new collection beside the current one, make it current in one step, and go back the same way.

Laws (tests/contract/test_store.py): making a collection current changes no collection; doing it again
with the one before restores what was.
"""

from __future__ import annotations

from typing import Protocol

from vlclip.engine.store.backend import Backend
from vlclip.engine.store.store import StoreInfo


class Shelf(Protocol):
    """Collections by name; a name follows from the fingerprint."""

    def name(self, fingerprint: str) -> str:
        """The name of an encoder's collection, there or not."""
        ...

    def current(self) -> str | None:
        """The name of the current collection; None while there is none."""
        ...

    def info(self, name: str) -> StoreInfo | None:
        """What made the vectors of a collection; None if it is not there."""
        ...

    def make(self, info: StoreInfo) -> str:
        """The name of the collection for `info`, made empty if it is not there yet."""
        ...

    def make_current(self, name: str) -> None:
        """Point to another collection, in one atomic step."""
        ...

    def drop(self, name: str) -> None:
        """Delete a collection."""
        ...

    def open(self, name: str) -> Backend:
        """Open a collection."""
        ...

    def close(self) -> None:
        """Let go of connections that no opened collection took over."""
        ...
