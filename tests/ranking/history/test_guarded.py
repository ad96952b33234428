"""Laws of `ranking/history/guarded.py`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from vlclip.ranking.errors import DamagedHistory
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.guarded import GuardedHistory, LenientHistory
from vlclip.ranking.history.sqlite import SqliteHistory

EVENT = Event(id="e1", kind="view", item="sku-1", time=1_790_000_000.0, user="ann")


def damage(file: Path) -> None:
    """Overwrite every page but the first."""
    raw = bytearray(file.read_bytes())
    raw[4096:] = b"\xa5" * (len(raw) - 4096)
    file.write_bytes(raw)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite"
    with closing(SqliteHistory(path)) as history:
        history.add([EVENT])
    return path


@pytest.mark.parametrize("kind", ["pages", "header"])
def test_a_damaged_file_is_refused_where_it_matters_and_empty_where_lists_are_made(
    file: Path, kind: str
) -> None:
    if kind == "pages":
        damage(file)
    else:
        file.write_bytes(b"nonsense" * 1000)
    before = file.read_bytes()
    with closing(GuardedHistory(lambda: SqliteHistory(file))) as history:
        assert history.damage
        lenient = LenientHistory(history)
        assert lenient.recent("user:ann", 10) == []
        assert lenient.popular({"view": 1.0}, 10) == {}
        for call in (
            lambda: history.add([EVENT]),
            lambda: history.add_groups([[EVENT]]),
            lambda: history.recent("user:ann", 10),
            lambda: history.forget("user:ann"),
            history.count,
        ):
            with pytest.raises(DamagedHistory, match=r"damaged|no SQLite database"):
                call()
    assert file.read_bytes() == before


def test_damage_that_comes_later_is_noticed_and_stays(file: Path) -> None:
    with closing(GuardedHistory(lambda: SqliteHistory(file))) as history:
        lenient = LenientHistory(history)
        assert [event.id for event in lenient.recent("user:ann", 10)] == ["e1"]

        def broken(*_: object, **__: object) -> list[Event]:
            raise DamagedHistory("database disk image is malformed")

        history._history.recent = broken  # type: ignore[union-attr, method-assign]
        assert lenient.recent("user:ann", 10) == []
        assert history.damage
        with pytest.raises(DamagedHistory):
            history.add([EVENT])


def test_a_whole_file_is_a_history_like_any_other(file: Path) -> None:
    with closing(GuardedHistory(lambda: SqliteHistory(file))) as history:
        assert history.damage == ""
        assert history.add([EVENT]) == 0
        assert history.count() == 1
