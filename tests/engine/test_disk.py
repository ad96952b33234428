"""Laws of `engine/disk.py`."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.engine.disk import FULL, free_bytes, full_disks, is_full, whole_file, write_whole
from vlclip.engine.errors import DiskFull


def sqlite_full() -> sqlite3.Error:
    sql = sqlite3.connect(":memory:")
    sql.execute("CREATE TABLE t (a)")
    sql.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as caught:
        sql.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    sql.close()
    return caught.value


ERRORS = [
    *(OSError(code, os.strerror(code)) for code in FULL),
    RuntimeError("I/O error: No space left on device (os error 28)"),
    sqlite_full(),
]


@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_whoever_says_that_the_disk_is_full_it_is_one_error(error: Exception):
    with pytest.raises(DiskFull, match=r"shelf.*make room"), full_disks(Path("shelf")):
        raise error
    of_library = ValueError("a library's own words")
    of_library.__cause__ = error
    with pytest.raises(DiskFull), full_disks(Path("shelf")):
        raise of_library


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "no"), ValueError("full"), sqlite3.OperationalError("no")]
)
def test_other_errors_stay_what_they_are(error: Exception):
    assert not is_full(error)
    with pytest.raises(type(error)), full_disks(Path("shelf")):
        raise error


@given(
    st.binary(),
    st.binary(),
    st.sampled_from([OSError(errno.ENOSPC, "full"), ValueError()]),
)
def test_a_file_is_whole_or_as_it_was(tmp_path_factory: pytest.TempPathFactory, old, new, error):
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "file"
    path.write_bytes(old)
    with pytest.raises((DiskFull, ValueError)), whole_file(path, "wb") as file:  # noqa: PT012 - within
        file.write(new)
        raise error
    assert path.read_bytes() == old
    write_whole(path, new)
    assert path.read_bytes() == new
    assert [entry.name for entry in folder.iterdir()] == ["file"]


def test_room_is_that_of_the_disk_a_file_would_be_made_on(tmp_path: Path):
    assert free_bytes(tmp_path / "not" / "there" / "yet") == free_bytes(tmp_path)
