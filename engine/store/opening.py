"""Open a store by its address: a folder is the embedded engine, an http(s) URL a server."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from engine.errors import StoreNotFound
from engine.settings import Settings
from engine.store import folder as folders
from engine.store.edge import EdgeBackend, create_shard
from engine.store.qdrant import QdrantStore
from engine.store.store import Store, StoreInfo, check_fingerprint


def is_url(target: str) -> bool:
    """Whether `target` is a server's address; else it is a folder."""
    return target.startswith(("http://", "https://"))


def open_store(
    target: str, settings: Settings, create: StoreInfo | None = None, *, beside: bool = False
) -> Store:
    """The store at `target`, a folder or a URL.

    With `create` it is made if it is not there, and refused with `FingerprintMismatch` if its vectors
    are another encoder's. With `beside` as well, the collection of that encoder is opened or made
    next to the current one, which stays current until `promote`.
    """
    return _open_folder(Path(target), settings, create, beside=beside)


def promote(
    target: str,
    settings: Settings,  # noqa: ARG001  # the server's half comes next
    fingerprint: str,
) -> str | None:
    """Make the collection of `fingerprint` the current one; the fingerprint of the one before.

    Calling it again with that fingerprint rolls back. Stores that are open stay on their collection.
    """
    store = Path(target)
    with folders.disk_errors(store):
        folders.check_ours(store)
        before = folders.current(store)
        wanted = folders.collection_folder(store, fingerprint)
        if not wanted.is_dir():
            raise StoreNotFound(f"{store} has no collection for fingerprint {fingerprint}")
        folders.make_current(store, wanted)
        return folders.Collection.read(before).info.fingerprint if before else None


def _open_folder(
    store: Path, settings: Settings, create: StoreInfo | None, *, beside: bool
) -> QdrantStore:
    with folders.disk_errors(store):
        folder = folders.current(store)
        if create is None:
            folders.check_ours(store)
        elif folder is None or beside:
            make = partial(create_shard, info=create, hnsw=settings.hnsw)
            made = folders.create(store, folders.Collection(create, {}), make)
            if folder is None:
                folders.make_current(store, made)
            folder = made
        if folder is None:
            raise StoreNotFound(f"the store at {store} is empty; fill it first: vlclip ingest")
        if create is not None:
            check_fingerprint(folders.Collection.read(folder).info, create, str(store))
    return QdrantStore(EdgeBackend(folder, settings.hnsw))
