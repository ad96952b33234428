"""Checks of the store: who has it open, which encoder made its vectors, whether its index is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from vlclip.engine.errors import StoreLocked, StoreNotFound
from vlclip.engine.filters import listed
from vlclip.engine.machine import memory_bytes
from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import is_url, open_store, shelf
from vlclip.engine.store.edge.backend import LOCK
from vlclip.engine.store.edge.shard import FULL_SCAN_KB
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.service.diagnosis.deep import findings_of
from vlclip.service.diagnosis.examination import examine
from vlclip.service.diagnosis.finding import Finding
from vlclip.service.settings import Settings


def encoder(settings: Settings) -> Iterator[Finding]:
    """Which encoder made the vectors, and whether the settings name the same; the store is not opened."""
    with closing(shelf(settings.store, settings)) as place:
        name = place.current()
        info = place.info(name) if name is not None else None
    if info is None:
        return
    encoders = ", ".join(f"{segment} by {by}" for segment, by in info.encoders.items())
    yield Finding("ok", "fingerprint", f"{info.fingerprint} ({encoders})")
    Encoders(settings, info).check()
    yield Finding("ok", "encoder", "it is the one that made the store's vectors")


def store(settings: Settings) -> Iterator[Finding]:
    """What is in the store; a store that another process has open is not examined."""
    with closing(shelf(settings.store, settings)) as place:
        current = place.current()
    if current is not None and not is_url(settings.store):
        (look,) = examine(settings, collections=[current], deep=False)
        if look.unreadable or look.missing:
            yield from findings_of(look)
            if look.unreadable:
                return
    try:
        with closing(open_store(settings.store, settings)) as opened:
            says = f"{settings.store} holds {opened.count():,} items"
            yield Finding("ok", "store", f"{says}, fingerprint {opened.info.fingerprint}")
            yield from _index(opened, settings)
            yield from _fields(opened, settings.max_fields)
    except StoreNotFound as error:
        yield Finding("note", "store", str(error))
    except StoreLocked:
        yield Finding(
            "note", "store",
            f"{settings.store} is open in {_holder(settings)}, so its contents are not checked; if "
            "that is the service, ask it: vlclip doctor --url http://localhost:8000",
        )  # fmt: skip


def _index(opened: QdrantStore, settings: Settings) -> Iterator[Finding]:
    items, outside, size = opened.count(), opened.unindexed(), opened.info.space.size
    if outside * size * 4 > FULL_SCAN_KB * 1000:
        yield Finding(
            "note", "index",
            f"about {outside:,} of {items:,} items are outside the search graph, and every search compares "
            "them one by one; stop the service and run vlclip ingest with the catalogue, which builds it",
        )  # fmt: skip
    else:
        yield Finding("ok", "index", "searches do not compare too many items one by one")
    pinned = items * size if settings.hnsw.quantization == "int8" else 0
    if pinned > memory_bytes() / 2 and not is_url(settings.store):
        yield Finding(
            "note", "memory",
            f"the vectors' short forms take {pinned / 1e9:.1f} of {memory_bytes() / 1e9:.0f} GB of memory; "
            "use a Qdrant server, or hnsw.quantization = binary",
        )  # fmt: skip


def _fields(opened: QdrantStore, most: int) -> Iterator[Finding]:
    fields = opened.fields()
    yield Finding("ok", "fields to filter on", listed("", fields))
    if len(fields) >= most:
        yield Finding(
            "note", "fields",
            f"filters can name {len(fields):,} fields, and no more (setting max_fields): later ones are "
            "stored and shown only; vlclip optimize frees the places of fields that no item has any more",
        )  # fmt: skip


def _holder(settings: Settings) -> str:
    """The process that has the store open, as far as the system tells."""
    for lock in Path(settings.store).glob(f"*/{LOCK}"):
        process = lock_holder(lock)
        if process is not None:
            return f"process {process}{_command(process)}"
    return "another process"


def lock_holder(lock: Path) -> int | None:
    """The process that holds a lock on a file; None if there is none, or if the system is not Linux."""
    table = Path("/proc/locks")
    if not table.is_file():
        return None
    for line in table.read_text().splitlines():
        # 2: FLOCK  ADVISORY  WRITE 4242 fe:00:16048775 0 EOF, or "2: -> FLOCK …" of one that waits
        _, kind, _, _, process, where, *_ = line.split()
        if kind == "FLOCK" and where.rsplit(":", 1)[-1] == str(lock.stat().st_ino):
            return int(process)
    return None


def _command(process: int) -> str:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return f" ({' '.join([Path(words[0]).name, *words[1:]]).strip()})"
