"""Collections as folders of one folder, each a Qdrant Edge shard, and a file that names the current one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vlclip.engine.settings import Hnsw
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge.backend import EdgeBackend
from vlclip.engine.store.edge.folder import Collection
from vlclip.engine.store.edge.gate import Gate
from vlclip.engine.store.edge.roll import Roll
from vlclip.engine.store.edge.shard import create_shard
from vlclip.engine.store.shelf import Usage
from vlclip.engine.store.store import StoreInfo


class FolderShelf:
    """Collections as folders of one folder, each a Qdrant Edge shard."""

    def __init__(self, folder: Path, hnsw: Hnsw) -> None:
        self._folder, self._hnsw, self._gate = folder, hnsw, Gate(folder)

    def name(self, fingerprint: str) -> str:
        """The folder's name."""
        return f"collection-{fingerprint[:8]}"

    def current(self) -> str | None:
        """What the pointer file says."""
        with folders.disk_errors(self._folder):
            folders.check_ours(self._folder)
            return folders.current(self._folder)

    def names(self) -> list[str]:
        """The names of the folders."""
        with folders.disk_errors(self._folder):
            folders.check_ours(self._folder)
            return sorted(folder.name for folder in self._folder.glob("collection-*") if folder.is_dir())

    def usage(self, name: str) -> Usage:
        """Its items by the shard, its bytes by the files."""
        backend = self.open(name)
        try:
            items = backend.count(None)
        finally:
            backend.close()
        with folders.disk_errors(self._folder):
            return Usage(items, folders.disk_bytes(self._folder / name))

    def info(self, name: str) -> StoreInfo | None:
        """What the collection's own file says."""
        with folders.disk_errors(self._folder):
            folder = self._folder / name
            return Collection.read(folder).info if folder.is_dir() else None

    def make(self, info: StoreInfo) -> str:
        """Make the folder whole under another name, then rename it."""
        name = self.name(info.fingerprint)
        with folders.disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._gate.passing():
                folders.create(self._folder / name, Collection(info, {}), partial(_build, info, self._hnsw))
        return name

    def make_current(self, name: str) -> None:
        """Replace the pointer file."""
        with folders.disk_errors(self._folder), self._gate.passing():
            folders.make_current(self._folder, name)

    def drop(self, name: str) -> None:
        """Delete the folder, out of sight at once; `StoreLocked` if a process has it open."""
        EdgeBackend(self._folder / name, self._hnsw).close()
        with folders.disk_errors(self._folder), self._gate.passing():
            folders.remove(self._folder / name)

    def open(self, name: str) -> EdgeBackend:
        """Load the shard."""
        return EdgeBackend(self._folder / name, self._hnsw)

    def close(self) -> None:
        """Nothing is open."""


def _build(info: StoreInfo, hnsw: Hnsw, folder: Path) -> None:
    create_shard(folder, info, hnsw)
    Roll(folder).write(())
