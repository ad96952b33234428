"""Collections as folders of one folder, each a Qdrant Edge shard, and a file that names the current one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vlclip.engine.disk import free_bytes
from vlclip.engine.settings import Hnsw
from vlclip.engine.store.edge import folder as folders
from vlclip.engine.store.edge.backend import EdgeBackend, lock_folder
from vlclip.engine.store.edge.folder import Collection
from vlclip.engine.store.edge.gate import Gate
from vlclip.engine.store.edge.roll import Roll
from vlclip.engine.store.edge.room import NEW_SHARD_BYTES, RESERVE_BYTES, Room, size_of_copy
from vlclip.engine.store.edge.shard import create_shard
from vlclip.engine.store.shelf import Usage
from vlclip.engine.store.store import StoreInfo


class FolderShelf:
    """Collections as folders of one folder, each a Qdrant Edge shard."""

    def __init__(
        self,
        folder: Path,
        hnsw: Hnsw,
        reserve: int = RESERVE_BYTES,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder, self._hnsw, self._reserve, self._free = folder, hnsw, reserve, free
        self._gate = Gate(folder)

    def name(self, fingerprint: str) -> str:
        """The folder's name."""
        return f"collection-{fingerprint[:8]}"

    def current(self) -> str | None:
        """What the pointer file says."""
        with folders.disk_errors(self._folder):
            folders.check_ours(self._folder)
            if folders.is_half_repaired(self._folder):
                with self._gate.passing():
                    folders.finish_repair(self._folder)
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

    def make(self, info: StoreInfo, like: str | None = None) -> str:
        """Make the folder whole under another name, then rename it."""
        name = self.name(info.fingerprint)
        room, folder = Room(self._folder, self._reserve, self._free), self._folder / name
        if like is not None and like != name:
            room.check(self._copy_bytes(like, info, folder), f"fill a collection beside {like}")
        elif not folder.is_dir():
            room.check(NEW_SHARD_BYTES, "make a collection")
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
        with folders.disk_errors(self._folder), self._gate.passing():
            lock = lock_folder(self._folder / name)  # without opening it: this is how a full disk gets room
            try:
                folders.remove(self._folder / name)
            finally:
                lock.release()

    def open(self, name: str) -> EdgeBackend:
        """Load the shard."""
        backend = EdgeBackend(self._folder / name, self._hnsw, self._reserve, self._free)
        folders.sweep_restored(self._folder)
        return backend

    def close(self) -> None:
        """Nothing is open."""

    def _copy_bytes(self, like: str, info: StoreInfo, folder: Path) -> int:
        """Bytes that a collection of the same items still needs, with vectors of this size."""
        with folders.disk_errors(self._folder):
            stored = Collection.read(self._folder / like).info
            there = folders.disk_bytes(folder) if folder.is_dir() else 0
            need = size_of_copy(self._folder / like, info.space.size / stored.space.size)
        return max(0, need - there)


def _build(info: StoreInfo, hnsw: Hnsw, folder: Path) -> None:
    create_shard(folder, info, hnsw)
    Roll(folder).write(())
