"""The laws of the SQLite history alone: readers beside a writer, and files that are not histories."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from vlclip.ranking.errors import DamagedHistory, HistoryError
from vlclip.ranking.history.events import Event
from vlclip.ranking.history.sqlite import SqliteHistory
from vlclip.ranking.history.sqlite_statements import SWEEP_S, VERSION
from vlclip.ranking.settings import DAY_S


def event(id, user="ann", time=1.0, **fields):
    return Event(id=str(id), kind="view", item="shoe", time=time, user=user, **fields)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "history.sqlite"


@pytest.fixture
def history(path):
    with closing(SqliteHistory(path)) as opened:
        yield opened


def test_reading_goes_on_while_a_write_is_under_way(history, path):
    history.add([event(1)])
    events = []
    with history._file.transaction():
        reader = threading.Thread(target=lambda: events.extend(history.recent("user:ann", 5)))
        reader.start()
        reader.join(60)
        assert events == [event(1)], "a read waited for this instance's write"
    with closing(sqlite3.connect(path, isolation_level=None)) as another_process:
        another_process.execute("BEGIN EXCLUSIVE")
        assert history.recent("user:ann", 5) == [event(1)]


def test_many_threads_read_at_a_time(history):
    history.add([event(n, f"user {n % 5}", float(n)) for n in range(100)])
    wrong = []

    def read(user):
        for _ in range(20):
            times = [stored.time for stored in history.recent(f"user:user {user}", 50)]
            if times != [float(n) for n in range(95 + user, -1, -5)]:
                wrong.append(times)

    threads = [threading.Thread(target=read, args=[n % 5]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(history._file._idle) <= 8


def test_a_batch_that_does_not_fit_the_disk_is_kept_not_at_all_and_the_history_goes_on(history):
    history.add([event(1)])
    pages = history._file._sql.execute("PRAGMA page_count").fetchone()[0]
    history._file._sql.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(HistoryError, match="no room"):
        history.add([event(f"{n}" * 100, f"user {n}") for n in range(200)])
    assert history.count() == 1
    history._file._sql.execute("PRAGMA max_page_count = 100000")
    assert history.add([event(2)]) == 1


def test_of_a_forgotten_unit_nothing_is_left_in_the_file(history, path):
    for start in range(0, 2000, 100):
        history.add(
            [
                event(
                    f"{n}-{'secret' if n % 7 == 0 else 'plain'}",
                    "secret-ann" if n % 7 == 0 else f"user {n % 50}",
                    float(n * 37 % 1000),
                )
                for n in range(start, start + 100)
            ]
        )
    assert history.forget("user:secret-ann") == 286
    files = list(path.parent.iterdir())
    assert path in files
    assert not [file for file in files if b"secret" in file.read_bytes()]


def test_while_somebody_reads_a_forgotten_unit_leaves_traces_and_that_is_said(history, path, monkeypatch):
    monkeypatch.setattr("vlclip.ranking.history.checkpoint.WAIT_MS", 1)
    history.add([event(1, "secret-ann"), event(2, "bob")])

    def traces():
        return [file.name for file in path.parent.iterdir() if b"secret" in file.read_bytes()]

    with closing(sqlite3.connect(path, isolation_level=None)) as a_backup:
        a_backup.execute("BEGIN")
        a_backup.execute("SELECT * FROM events").fetchall()
        for _ in range(2):  # the second time no events are left
            with pytest.raises(HistoryError, match=r"history\.sqlite, but traces remain .*ask again"):
                history.forget("user:secret-ann")
            assert history.recent("user:secret-ann", 1) == []
            assert traces()
        a_backup.execute("COMMIT")
        assert history.forget("user:secret-ann") == 0
        assert traces() == []


def test_many_events_expire_in_parts(history, monkeypatch):
    monkeypatch.setattr("vlclip.ranking.history.sqlite.BATCH", 10)
    history.add([event(n, time=float(n)) for n in range(35)])
    assert history.expire(30.0) == 30
    assert [stored.time for stored in history.recent("user:ann", 50)] == [34.0, 33.0, 32.0, 31.0, 30.0]


def test_sequences_are_whole_however_the_file_is_read(history, monkeypatch):
    monkeypatch.setattr("vlclip.ranking.history.sqlite.BATCH", 3)
    history.add([event(n, f"user {n % 4}", float(n % 3)) for n in range(30)])
    for unit, sequence in history.sequences():
        mine = [n for n in range(30) if f"user:user {n % 4}" == unit]
        assert [stored.id for stored in sequence] == [str(n) for n in sorted(mine, key=lambda n: n % 3)]


def test_the_retention_is_looked_after_once_an_hour(path):
    now = [400 * DAY_S]
    with closing(SqliteHistory(path, retention_days=10, clock=lambda: now[0])) as history:
        history.add([event(1, time=now[0] - 10 * DAY_S), event(2, time=now[0] - 9 * DAY_S)])
        now[0] += SWEEP_S - 1
        history.add([event(3, time=now[0])])
        assert history.count() == 3
        now[0] += 1
        history.add([event(4, time=now[0])])
        assert [stored.id for stored in history.recent("user:ann", 9)] == ["4", "3", "2"]


def test_opening_a_file_of_many_years_keeps_all_without_a_retention(path):
    with closing(SqliteHistory(path)) as history:
        history.add([event(1, time=0.0)])
    with closing(SqliteHistory(path)) as again:
        again.add([event(2, time=1.0)])
        assert again.count() == 2


def test_several_threads_open_a_new_file_at_once(path):
    opened, wrong = [], []

    def open_it():
        try:
            opened.append(SqliteHistory(path))
        except HistoryError as error:
            wrong.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    for n, history in enumerate(opened):
        history.add([event(n)])
    assert [history.count() for history in opened] == [6] * 6
    for history in opened:
        history.close()


# files that are not histories


def contents(path):
    return path.read_bytes()


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_was(path):
    SqliteHistory(path).close()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = contents(path)
    with pytest.raises(HistoryError, match="newer vlclip"):
        SqliteHistory(path)
    assert contents(path) == before


VERSION_1 = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, time REAL NOT NULL,
    kind TEXT NOT NULL, item TEXT NOT NULL, session TEXT NOT NULL, request_id TEXT NOT NULL, value REAL
);
CREATE INDEX events_unit ON events (unit, time);
CREATE INDEX events_request ON events (request_id) WHERE request_id <> '';
CREATE INDEX events_time ON events (time, kind, item);
PRAGMA user_version = 1;
"""


def test_a_file_of_version_1_keeps_every_event_and_its_order(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as sql:
        sql.executescript(VERSION_1)
        rows = [
            (f"e{n}", f"user:user {n % 3}", float(n // 10), "view", "shoe", "s", f"r{n}", None)
            for n in range(50)
        ]
        sql.executemany("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        sql.commit()
    with closing(SqliteHistory(path)) as history:
        for unit in range(3):
            events = history.recent(f"user:user {unit}", 99)
            assert [stored.id for stored in events] == [f"e{n}" for n in range(49, -1, -1) if n % 3 == unit]
        claimed = history.recent("user:user 1", 1)[0]
        assert history.add([claimed, replace(claimed, user="eve"), replace(claimed, kind="cart")]) == 2
        assert history.count() == 52
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_history_of_version_1_takes_its_newest_event_for_the_last_look_at_the_clock(path):
    now = 1_700_000_000.0
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as sql:
        sql.executescript(VERSION_1)
        rows = [
            (f"e{n}", "user:ann", moment, "view", "shoe", "s", "", None)
            for n, moment in enumerate([now - 400 * DAY_S, now - 300 * DAY_S, now + 10_000 * DAY_S])
        ]
        sql.executemany("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        sql.commit()
    with closing(SqliteHistory(path, retention_days=365, clock=lambda: now)) as history:
        assert "300.0 days after" in history.clock_warning
        history.add([event("new", "bob", now)])
        assert history.count() == 4
    with closing(SqliteHistory(path, retention_days=365, clock=lambda: now)) as history:
        # the new event does not make the clock right
        assert "300.0 days after" in history.clock_warning
        history.add([event("another", "bob", now)])
        assert history.count() == 5
        history.confirm_clock()
        history.add([event("newer", "bob", now)])
        assert {stored.id for stored in history.recent("user:ann", 9)} == {"e1", "e2"}


def test_a_commit_is_synced_to_the_disk(history):
    assert history._file._sql.execute("PRAGMA synchronous").fetchone() == (2,)
    assert history._file._sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_database_of_something_else_is_refused_and_left_as_it_was(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE recipes (name TEXT)")
    before = contents(path)
    with pytest.raises(HistoryError, match="something else"):
        SqliteHistory(path)
    assert contents(path) == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(path):
    path.parent.mkdir()
    path.write_text("dear diary, " * 100)
    before = contents(path)
    with pytest.raises(HistoryError, match=r"no SQLite database; name another file in history\.url"):
        SqliteHistory(path)
    assert contents(path) == before


def test_a_damaged_file_says_so(history, path, tmp_path):
    history.add([event(n, f"user {n}") for n in range(500)])
    history.close()
    damaged = tmp_path / "damaged.sqlite"
    shutil.copy(path, damaged)
    with damaged.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (damaged.stat().st_size - 4096))
    with pytest.raises(DamagedHistory, match="damaged; put a backup"):
        SqliteHistory(damaged)


def test_a_folder_in_the_files_place_and_a_file_in_the_folders_are_refused(tmp_path):
    with pytest.raises(HistoryError, match=r"history\.url"):
        SqliteHistory(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match=r"history\.url"):
        SqliteHistory(tmp_path / "file" / "history.sqlite")


def test_a_file_another_process_writes_for_too_long_is_a_history_error(history, path):
    history._file._sql.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match="another process"):
            history.add([event(1)])
    assert history.add([event(1)]) == 1


@pytest.mark.parametrize("file", [True, False])
def test_a_closed_history_says_so(path, file):
    history = SqliteHistory(path if file else None)
    history.add([event(1)])
    history.recent("user:ann", 1)
    history.close()
    with pytest.raises(HistoryError, match="is closed; open it again"):
        history.recent("user:ann", 1)
    with pytest.raises(HistoryError, match="is closed; open it again"):
        history.add([event(2)])
