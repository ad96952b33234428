"""The protocol of a shelf: collections side by side, one per encoder, one of them the current one.

On disk they are folders and a pointer file, on a server collections and an alias. On both, a new collection
can be filled beside the current one, made current in one step, and exchanged back the same way.

Laws (tests/contract/test_store.py):
- making a collection current changes no collection; making the former one current again restores the
  state before;
- the names are those of the collections that were made and not dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vlclip.engine.store.backend import Backend
from vlclip.engine.store.store import StoreInfo


@dataclass(frozen=True, slots=True)
class Usage:
    """What a collection takes up; `disk_bytes` is None where it lies on a server."""

    items: int
    disk_bytes: int | None


class Shelf(Protocol):
    """Collections by name; a name follows from the fingerprint."""

    def name(self, fingerprint: str) -> str:
        """The name of an encoder's collection, there or not."""
        ...

    def current(self) -> str | None:
        """The name of the current collection; None while there is none."""
        ...

    def names(self) -> list[str]:
        """The names of all collections, sorted."""
        ...

    def usage(self, name: str) -> Usage:
        """What a collection takes up; `StoreLocked` where another process has it open."""
        ...

    def info(self, name: str) -> StoreInfo | None:
        """What made the vectors of a collection; None if it is not there."""
        ...

    def make(self, info: StoreInfo, like: str | None = None) -> str:
        """The name of the collection for `info`, made empty if it is not there yet.

        `like` is a collection whose items it is to hold as well: `StoreFull` where it would find no room.
        """
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
        """Close connections that no opened collection took over."""
        ...
