"""SQLite files are opened in one way."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from vlclip.engine.sqlite import BUSY_S, connect, open_database, transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS words (word TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS texts (text TEXT);
"""


def pragma(sql, name):
    return sql.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_database_is_made_with_its_folders_tables_and_settings(tmp_path):
    path = tmp_path / "some" / "folder" / "words.sqlite"
    with closing(open_database(path, SCHEMA, "secure_delete=ON")) as sql:
        assert pragma(sql, "journal_mode") == "wal"
        assert pragma(sql, "synchronous") == 1
        assert pragma(sql, "busy_timeout") == BUSY_S * 1000
        assert pragma(sql, "secure_delete") == 1
        sql.execute("INSERT INTO texts VALUES ('red shirt')")  # no transaction is open afterwards
        assert not sql.in_transaction
    with closing(open_database(path, SCHEMA)) as sql:
        assert sql.execute("SELECT text FROM texts").fetchall() == [("red shirt",)]


def test_connecting_writes_nothing(tmp_path):
    with closing(connect(tmp_path / "words.sqlite")):
        assert (tmp_path / "words.sqlite").stat().st_size == 0


def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_was(tmp_path):
    path = tmp_path / "words.sqlite"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        open_database(path, SCHEMA)
    assert path.read_bytes() == b"something else" * 100


def test_a_transaction_is_all_or_nothing():
    with closing(open_database(None, SCHEMA)) as sql:
        with transaction(sql):
            sql.execute("INSERT INTO words VALUES ('red')")
        with pytest.raises(sqlite3.IntegrityError), transaction(sql):
            sql.executemany("INSERT INTO words VALUES (?)", [("blue",), (None,)])
        assert sql.execute("SELECT word FROM words").fetchall() == [("red",)]
