"""The laws of `service/backup/server.py` on the real Qdrant server that QDRANT_URL names."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.contract.shop import INFO, OTHER
from tests.service.backup.shops import collection_contents, fill, point_of, records_contents, settings_of
from vlclip.engine.opening.stores import home, open_store, shelf
from vlclip.engine.settings import Server
from vlclip.ranking.history.opening import open_history
from vlclip.service.backup.errors import BackupError
from vlclip.service.backup.restoring import restore_backup
from vlclip.service.backup.taking import take_backup
from vlclip.service.settings import Api, Settings

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif("QDRANT_URL" not in os.environ, reason="QDRANT_URL names no server"),
]
COUNT = 300


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Two collections with records, in a working folder."""
    monkeypatch.chdir(tmp_path)
    server = Server(collection=f"test-{uuid.uuid4().hex[:8]}")
    settings = settings_of(Path("none")).model_copy(
        update={
            "store": os.environ["QDRANT_URL"],
            "server": server,
            "api": Api(keys=str(tmp_path / "keys.json")),
        }
    )
    fill(settings, COUNT)
    (home(settings) / "keys.json").rename(tmp_path / "keys.json")
    yield settings
    clear(settings)


def clear(settings: Settings) -> None:
    with closing(shelf(settings.store, settings)) as place:
        for name in place.names():
            place.drop(name)


def contents(settings: Settings) -> dict[str, Any]:
    with closing(shelf(settings.store, settings)) as place:
        names, current = place.names(), place.current()
    collections = {name: collection_contents(settings, name) for name in names}
    for collection in collections.values():
        collection["answers"] = [without_ties(answer) for answer in collection["answers"]]
    records = records_contents(home(settings)), Path(settings.api.keys).read_bytes()
    return {"current": current, "records": records, **collections}


def without_ties(answer: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Scores, and the ids of those that are their own: a server lists equals in any order."""
    scores = [score for _, score in answer]
    return [(item if scores.count(score) == 1 else "", score) for item, score in answer]


def change(settings: Settings) -> None:
    """Items are changed, added and deleted, events added, records written anew."""
    with closing(open_store(settings.store, settings, create=INFO)) as store:
        store.upsert([point_of(number, price=9.0) for number in range(50)])
        store.upsert([point_of(number) for number in range(COUNT, COUNT + 50)])
        store.delete([f"sku-{number}" for number in range(100, 200)])
    with closing(open_history(settings)) as history:
        history.forget("user:ann")
    Path(settings.api.keys).write_text('{"keys": ["another"]}')


def test_what_was_changed_or_deleted_comes_back_point_for_point(shop: Settings, tmp_path: Path) -> None:
    before = contents(shop)
    backup = take_backup(shop, tmp_path / "a.tar")
    assert sorted(backup.manifest.items.values()) == [7, COUNT - 1]
    change(shop)
    changed = contents(shop)
    assert changed != before
    with pytest.raises(BackupError, match="is there already; replace it with --replace"):
        restore_backup(tmp_path / "a.tar", shop)
    assert contents(shop) == changed
    restore_backup(tmp_path / "a.tar", shop, replace=True)
    assert contents(shop) == before


def test_a_server_without_the_store_gets_it_back_point_for_point(shop: Settings, tmp_path: Path) -> None:
    before = contents(shop)
    take_backup(shop, tmp_path / "a.tar")
    clear(shop)
    Path(".vlclip").rename("old")
    Path(shop.api.keys).unlink()
    restore_backup(tmp_path / "a.tar", shop)
    assert contents(shop) == before
    change(shop)  # it can be written to
    with closing(open_store(shop.store, shop, create=OTHER, beside=True)) as store:
        assert store.count() == 7


def test_a_backup_beside_writes_has_what_was_written_before_it(shop: Settings, tmp_path: Path) -> None:
    """The writer adds items in order: the backup has the first ones, without a gap."""
    enough = threading.Event()
    added = [0]

    def write() -> None:
        with closing(open_store(shop.store, shop, create=INFO)) as store:
            while not enough.is_set():
                store.upsert([point_of(COUNT + added[0])])
                added[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not added[0]:
            assert writer.is_alive()
        before = added[0]
        take_backup(shop, tmp_path / "a.tar")
    finally:
        enough.set()
        writer.join()
    restore_backup(tmp_path / "a.tar", shop, replace=True)
    with closing(open_store(shop.store, shop, create=INFO)) as store:
        ids = {record.id for page in store.scan() for record in page}
        later = len(ids) - (COUNT - 1)
        assert before <= later <= added[0]
        assert ids == {f"sku-{number}" for number in range(COUNT + later) if number != 3}
        record = store.retrieve([f"sku-{COUNT}"], with_vector=True)[f"sku-{COUNT}"]
        assert record.payload["title"] == f"Red shoe {COUNT}"
