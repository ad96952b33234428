"""The settings name a history: beside the vectors, in a file, on a server, or in memory."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.redis_server import redis_server
from tests.contract.shop import INFO
from vlclip.engine.opening.stores import open_store
from vlclip.engine.settings import Server
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.opening import history_path, open_history
from vlclip.ranking.settings import History
from vlclip.service.settings import Settings

EVENT = Event(id="1", kind="view", item="shoe", time=1.0, user="ann")


def kept_at(store: str, url: str = "") -> Path | None:
    return history_path(Settings(store=store, server=Server(collection="shoes"), history=History(url=url)))


def test_the_history_is_beside_the_vectors_unless_it_is_said_otherwise():
    assert kept_at("/data/store") == Path("/data/store/records/history.sqlite")
    assert kept_at("http://qdrant:6333") == Path(".vlclip/shoes/history.sqlite")
    assert kept_at("/data/store", "other.sqlite") == Path("other.sqlite")
    assert kept_at("/data/store", ":memory:") is None
    assert kept_at(":memory:") is None
    assert kept_at(":memory:", "other.sqlite") == Path("other.sqlite")


def test_a_history_that_is_begun_before_the_store_does_not_keep_the_store_from_being_made(tmp_path):
    settings = Settings(store=str(tmp_path / "store"), history=History(retention_days=0))
    with closing(open_history(settings)) as history:
        history.add([EVENT])
        open_store(settings.store, settings, create=INFO).close()
    with closing(open_history(settings)) as again:
        assert again.recent("user:ann", 1) == [EVENT]


def test_events_of_1970_are_older_than_a_year(tmp_path):
    with closing(open_history(Settings(store=str(tmp_path / "store")))) as history:
        assert history.add([EVENT]) == 0


def test_a_server_keeps_the_history_under_the_prefix(tmp_path):
    with redis_server(tmp_path) as url:
        settings = Settings(history=History(url=url, prefix="shoes:", retention_days=0))
        with closing(open_history(settings)) as history, closing(open_history(settings)) as other:
            history.add([EVENT])
            assert other.recent("user:ann", 1) == [EVENT]
            other_shop = settings.model_copy(update={"history": History(url=url, prefix="hats:")})
            with closing(open_history(other_shop)) as hats:
                assert hats.count() == 0


def test_without_the_servers_client_it_says_what_to_install(monkeypatch):
    for module in ("redis", "redis_connection"):
        monkeypatch.delitem(sys.modules, f"vlclip.ranking.history.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(HistoryError, match=r'pip install "vlclip\[redis\]"'):
        open_history(Settings(history=History(url="redis://localhost")))
