"""Open a store by its address: a folder is the embedded engine, an http(s) URL a server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlclip.engine.errors import StoreError, StoreLocked, StoreNotFound
from vlclip.engine.settings import CACHE_MB, StoreSettings
from vlclip.engine.store.cache.store import CachedStore
from vlclip.engine.store.edge.folder import BESIDE
from vlclip.engine.store.edge.room import MB
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.fields import MAX_FIELDS
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.shelf import Shelf
from vlclip.engine.store.store import StoreInfo, check_fingerprint

if TYPE_CHECKING:
    from vlclip.engine.store.server.snapshots import Snapshots


def is_url(target: str) -> bool:
    """Whether `target` is a server's address; else it is a folder."""
    return target.startswith(("http://", "https://"))


def home(settings: StoreSettings) -> Path:
    """The folder beside the vectors for other rooms' files; for a server it is in the working folder."""
    if is_url(settings.store):
        return Path(".vlclip") / settings.server.collection
    return Path(settings.store) / BESIDE


def open_store(
    target: str, settings: StoreSettings, create: StoreInfo | None = None, *, beside: bool = False
) -> QdrantStore:
    """The store at `target`, a folder or a URL; `:memory:` is a fresh one that vanishes.

    With `create` the store is made if it is missing, and refused with `FingerprintMismatch` if another
    encoder made its vectors. With `beside` as well, the collection of that encoder is opened or made next to
    the current one, which stays current until `promote`.
    """
    place = shelf(target, settings)
    try:
        return open_on(
            place, target, create, beside=beside, max_fields=settings.max_fields, cache_mb=settings.cache_mb
        )
    except BaseException:
        place.close()
        raise


def promote(target: str, settings: StoreSettings, fingerprint: str) -> str | None:
    """Make the collection of `fingerprint` the current one; the fingerprint of the one before.

    Calling it again with that fingerprint rolls back. Stores that are open stay on the collection
    they opened: an encoder and its vectors change together, when they are opened again.
    """
    with closing(shelf(target, settings)) as place:
        return promote_on(place, target, fingerprint)


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A collection of a store.

    `items` is None where another process has the collection open; `disk_bytes` is None then, too, and for
    a collection on a server.
    """

    fingerprint: str
    encoders: Mapping[str, str]
    is_current: bool
    items: int | None
    disk_bytes: int | None


def collections(target: str, settings: StoreSettings) -> list[StoredCollection]:
    """Every collection of a store, the current one first. Errors: `StoreNotFound` where there is none."""
    with closing(shelf(target, settings)) as place:
        names = place.names()
        if not names:
            raise _no_store(target)
        current = place.current()
        return [_describe(place, name, current) for name in sorted(names, key=lambda name: name != current)]


def droppable(target: str, settings: StoreSettings, fingerprint: str) -> StoredCollection:
    """The collection that `drop` would delete. Errors: those of `drop`."""
    with closing(shelf(target, settings)) as place:
        name = _not_current(place, target, fingerprint)
        usage, info = place.usage(name), place.info(name)
        encoders = {} if info is None else info.encoders
        return StoredCollection(fingerprint, encoders, False, usage.items, usage.disk_bytes)  # noqa: FBT003


def drop(target: str, settings: StoreSettings, fingerprint: str) -> None:
    """Delete the collection of `fingerprint`, for good.

    Errors: `StoreNotFound` where there is no such collection, `StoreError` for the current one, `StoreLocked`
    where another process has it open.
    """
    with closing(shelf(target, settings)) as place:
        place.drop(_not_current(place, target, fingerprint))


def shelf(target: str, settings: StoreSettings) -> Shelf:
    """The shelf that holds the collections of `target`."""
    if is_url(target) or target == ":memory:":
        # here, because qdrant-client takes a second to import and a folder needs none of it
        from vlclip.engine.store.server.shelf import ServerShelf, connect  # noqa: PLC0415

        return ServerShelf(connect(target, settings.server), settings.server, settings.hnsw)
    return FolderShelf(Path(target), settings.hnsw, settings.disk_reserve_mb * MB)


def snapshots(settings: StoreSettings) -> Snapshots:
    """The snapshots of a store on a server."""
    from vlclip.engine.store.server.snapshots import Snapshots  # noqa: PLC0415 - as above

    return Snapshots(settings.store, settings.server, settings.hnsw)


def open_on(
    place: Shelf,
    target: str,
    create: StoreInfo | None = None,
    *,
    beside: bool = False,
    max_fields: int = MAX_FIELDS,
    cache_mb: float = CACHE_MB,
) -> QdrantStore:
    """`open_store` on a shelf that is there already."""
    name = place.current()
    if create is not None and (name is None or beside):
        new = place.make(create, name)
        if name is None:
            place.make_current(new)
        name = new
    if name is None:
        raise _no_store(target)
    if create is not None:
        stored = place.info(name)
        if stored is not None:
            check_fingerprint(stored, create, target)
    backend = place.open(name)
    if backend.is_shared or not cache_mb:  # what another process writes would not be noticed
        return QdrantStore(backend, max_fields)
    return CachedStore(backend, max_fields, cache_mb)


def promote_on(place: Shelf, target: str, fingerprint: str) -> str | None:
    """`promote` on a shelf that is there already."""
    name, before = _existing(place, target, fingerprint), place.current()
    place.make_current(name)
    info = place.info(before) if before is not None else None
    return info.fingerprint if info else None


def _existing(place: Shelf, target: str, fingerprint: str) -> str:
    name = place.name(fingerprint)
    info = place.info(name)
    if info is None or info.fingerprint != fingerprint:
        raise StoreNotFound(
            f"{target} has no collection for the encoder {fingerprint}; see those there are: "
            f"vlclip drop --store {target}"
        )
    return name


def _not_current(place: Shelf, target: str, fingerprint: str) -> str:
    name = _existing(place, target, fingerprint)
    if name == place.current():
        raise StoreError(
            f"{fingerprint} is the current collection of {target}; make another one current first: "
            "vlclip promote FINGERPRINT"
        )
    return name


def _describe(place: Shelf, name: str, current: str | None) -> StoredCollection:
    info = place.info(name)
    if info is None:
        raise StoreNotFound(f"the collection {name} was deleted just now; ask again")
    try:
        usage = place.usage(name)
    except StoreLocked:
        return StoredCollection(info.fingerprint, info.encoders, name == current, None, None)
    return StoredCollection(info.fingerprint, info.encoders, name == current, usage.items, usage.disk_bytes)


def _no_store(target: str) -> StoreNotFound:
    return StoreNotFound(
        f"there is no store at {target}; fill it first: vlclip ingest CATALOGUE --store {target}"
    )
