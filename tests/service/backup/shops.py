"""A store with records, and all that can be said of it, for the tests of backups."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from tests.contract.shop import INFO, OTHER, SPACE, direction
from vlclip.engine.opening.stores import home, open_store
from vlclip.engine.store.qdrant import QdrantStore
from vlclip.engine.store.store import Point, Query
from vlclip.ingestion.ledger.ledger import Ledger, ledger_path
from vlclip.ranking.experiments.exposure import Exposure, ShownItem
from vlclip.ranking.experiments.log import SqliteExposures, exposures_path
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.opening import open_history
from vlclip.service.settings import Settings

NOW = 1_790_000_000.0
RETENTION: Mapping[str, Any] = {"retention_days": 0}


def settings_of(store: Path, **sections: Any) -> Settings:
    return Settings(store=str(store), **{"history": RETENTION, **sections})


def point_of(number: int, price: float = 1.0) -> Point:
    vector = np.random.default_rng(number).normal(size=SPACE.size).astype(np.float32)
    payload = {"title": f"Red shoe {number}", "brand": f"b{number % 5}", "price": price, "available": True}
    return Point(f"sku-{number}", vector, f"red shoe {number}", payload)


def fill(settings: Settings, count: int = 40) -> None:
    """Two collections, and a line in each of the records."""
    with closing(open_store(settings.store, settings, create=INFO)) as store:
        store.upsert([point_of(number) for number in range(count)])
        store.delete(["sku-3"])
    with closing(open_store(settings.store, settings, create=OTHER, beside=True)) as store:
        store.upsert([point_of(number) for number in range(7)])
    with closing(Ledger(ledger_path(settings))) as ledger:
        ledger.finish(ledger.start("shop.csv", INFO.fingerprint), "complete", {
            "read": count, "embedded": count, "updated": 0, "unchanged": 0, "failed": 0, "deleted": 0,
        })  # fmt: skip
    with closing(open_history(settings)) as history:
        history.add([event_of(number) for number in range(20)])
    with closing(SqliteExposures(exposures_path(settings))) as log:
        log.add([
            Exposure(
                request_id="r1", time=NOW, kind="similar", unit="user:ann", arm="plain@1",
                items=(ShownItem("sku-1", 0.5, {"image": 0.5}, 1.0),), experiment="", context={}, offset=0,
                candidates=(), temperature=0.0,
            )
        ])  # fmt: skip
    records = home(settings)
    (records / "keys.json").write_text('{"keys": []}')
    lookup = records / "lookups" / "behaviour"
    lookup.mkdir(parents=True)
    (lookup / "rows.npy").write_bytes(bytes(range(256)))


def event_of(number: int) -> Event:
    return Event(id=f"e{number}", kind="view", item=f"sku-{number}", time=NOW + number, user="ann")


def contents(settings: Settings) -> dict[str, Any]:
    """Points with vectors, answers of every index, and the rows of every record."""
    out: dict[str, Any] = {}
    for folder in sorted(Path(settings.store).glob("collection-*")):
        out[folder.name] = collection_contents(settings, folder.name)
    out["records"] = records_contents(home(settings))
    return out


def collection_contents(settings: Settings, name: str) -> dict[str, Any]:
    from vlclip.engine.opening.stores import shelf

    with closing(shelf(settings.store, settings)) as place, closing(QdrantStore(place.open(name))) as store:
        points = {
            record.id: (record.payload, record.vector.tobytes() if record.vector is not None else b"")
            for page in store.scan(with_vector=True)
            for record in page
        }
        queries = [Query(vector=direction(seed), limit=5) for seed in range(3)]
        queries += [Query(text="red shoe 4", limit=5)]
        answers = [[(hit.id, round(hit.score, 5)) for hit in hits] for hits in store.search(queries)]
        return {"points": points, "answers": answers, "brands": store.facet("brand")}


def records_contents(folder: Path) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".sqlite":
            with closing(sqlite3.connect(file)) as sql:
                out[file.name] = [row for row in sql.iterdump() if row.startswith("INSERT")]
        elif file.is_file() and not file.name.endswith(("-wal", "-shm")):
            out[file.relative_to(folder).as_posix()] = file.read_bytes()
    return out
