"""Where collections stand: one per encoder, side by side, and one of them is the current one.

A folder keeps them as folders and a pointer file, a server as collections and an alias. Both can fill
a new collection beside the current one, make it current in one step, and go back the same way.

Laws (tests/contract/test_store.py): making a collection current changes no collection; doing it again
with the one before restores what was.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Protocol

from engine.settings import Hnsw
from engine.store import folder as folders
from engine.store.backend import Backend
from engine.store.edge import EdgeBackend, create_shard
from engine.store.folder import Collection
from engine.store.store import StoreInfo


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


class FolderShelf:
    """Collections as folders of one folder, each a Qdrant Edge shard."""

    def __init__(self, folder: Path, hnsw: Hnsw) -> None:
        self._folder, self._hnsw = folder, hnsw

    def name(self, fingerprint: str) -> str:
        """The folder's name."""
        return f"collection-{fingerprint[:8]}"

    def current(self) -> str | None:
        """What the pointer file says."""
        with folders.disk_errors(self._folder):
            folders.check_ours(self._folder)
            return folders.current(self._folder)

    def info(self, name: str) -> StoreInfo | None:
        """What the collection's own file says."""
        with folders.disk_errors(self._folder):
            folder = self._folder / name
            return Collection.read(folder).info if folder.is_dir() else None

    def make(self, info: StoreInfo) -> str:
        """Make the folder whole under another name, then rename it."""
        name = self.name(info.fingerprint)
        with folders.disk_errors(self._folder):
            build = partial(create_shard, info=info, hnsw=self._hnsw)
            folders.create(self._folder / name, Collection(info, {}), build)
        return name

    def make_current(self, name: str) -> None:
        """Replace the pointer file."""
        with folders.disk_errors(self._folder):
            folders.make_current(self._folder, name)

    def drop(self, name: str) -> None:
        """Delete the folder, out of sight at once; `StoreLocked` if a process has it open."""
        EdgeBackend(self._folder / name, self._hnsw).close()
        with folders.disk_errors(self._folder):
            folders.remove(self._folder / name)

    def open(self, name: str) -> EdgeBackend:
        """Load the shard."""
        return EdgeBackend(self._folder / name, self._hnsw)

    def close(self) -> None:
        """Nothing is held."""
