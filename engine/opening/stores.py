"""Open a store by its address: a folder is the embedded engine, an http(s) URL a server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from vlclip.engine.errors import StoreError, StoreNotFound
from vlclip.engine.settings import StoreSettings
from vlclip.engine.store.edge.folder import BESIDE
from vlclip.engine.store.edge.shelf import FolderShelf
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.shelf import Shelf
from vlclip.engine.store.store import StoreInfo, check_fingerprint


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
        return open_on(place, target, create, beside=beside)
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


def drop(target: str, settings: StoreSettings, fingerprint: str) -> None:
    """Delete the collection of `fingerprint`, for good; the current one is refused."""
    with closing(shelf(target, settings)) as place:
        name = _existing(place, target, fingerprint)
        if name == place.current():
            raise StoreError(f"{name} is what {target} serves; make another one current first")
        place.drop(name)


def shelf(target: str, settings: StoreSettings) -> Shelf:
    """The shelf that holds the collections of `target`."""
    if is_url(target) or target == ":memory:":
        # here, because qdrant-client takes a second to import and a folder needs none of it
        from vlclip.engine.store.server.shelf import ServerShelf, connect  # noqa: PLC0415

        return ServerShelf(connect(target, settings.server), settings.server, settings.hnsw)
    return FolderShelf(Path(target), settings.hnsw)


def open_on(
    place: Shelf, target: str, create: StoreInfo | None = None, *, beside: bool = False
) -> QdrantStore:
    """`open_store` on a shelf that is there already."""
    name = place.current()
    if create is not None and (name is None or beside):
        new = place.make(create)
        if name is None:
            place.make_current(new)
        name = new
    if name is None:
        raise StoreNotFound(
            f"there is no store at {target}; fill it first: vlclip ingest CATALOGUE --store {target}"
        )
    if create is not None:
        stored = place.info(name)
        if stored is not None:
            check_fingerprint(stored, create, target)
    return QdrantStore(place.open(name))


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
        raise StoreNotFound(f"{target} has no collection for the encoder {fingerprint}")
    return name
