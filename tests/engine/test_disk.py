"""Laws of `engine/disk.py`."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.small_disk import small_disk
from vlclip.engine import disk
from vlclip.engine.disk import (
    DRAFT,
    FULL,
    free_bytes,
    full_disks,
    is_full,
    whole_file,
    whole_folder,
    why_not_replaced,
    write_whole,
)
from vlclip.engine.errors import DiskFull
from vlclip.engine.sqlite import open_database
from vlclip.ingestion.ledger.ledger import Ledger
from vlclip.ranking.errors import HistoryError
from vlclip.ranking.experiments.log import SqliteExposures
from vlclip.ranking.history.sqlite import SqliteHistory


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


@pytest.mark.parametrize("former", [None, "one", "another"])
@pytest.mark.parametrize("error", [None, OSError(errno.ENOSPC, "full"), ValueError(), KeyboardInterrupt()])
def test_a_folder_is_whole_or_as_it_was(tmp_path: Path, former: str | None, error: BaseException | None):
    place = tmp_path / "made" / "model"
    if former:
        place.mkdir(parents=True)
        (place / former).write_text("former")
    expected = {former: "former"} if former else {}
    if error is None:
        expected = {"one": "new", "inner/two": "new"}
    with suppress(DiskFull, ValueError, KeyboardInterrupt), whole_folder(place) as draft:
        (draft / "one").write_text("new")
        (draft / "inner").mkdir()
        if error is not None:
            raise error
        (draft / "inner" / "two").write_text("new")
    files = {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}
    assert files == expected
    assert [entry.name for entry in place.parent.iterdir()] == (["model"] if expected else [])


def test_what_a_killed_writer_left_is_removed_later_and_nothing_else(tmp_path: Path):
    mine = [".model", ".model.part", ".model.1234567.part", ".model.12345678.parts", ".other.12345678.part"]
    killed = [".model.12345678.part", ".model.abcdef00.part-wal"]
    live = ".model.00000000.part"
    for name in [*mine, *killed, live]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
        if name != live:
            os.utime(tmp_path / name / "file", (0, 0))
        os.utime(tmp_path / name, (0, 0))
    write_whole(tmp_path / "model", "new")
    assert {entry.name for entry in tmp_path.iterdir()} == {*mine, live, "model"}
    with whole_folder(tmp_path / "folder") as draft:
        assert DRAFT.fullmatch(draft.name, len(".folder"))


def test_only_what_is_known_is_replaced(tmp_path: Path):
    own = r"items-\d+"
    assert why_not_replaced(tmp_path / "new", own) == why_not_replaced(tmp_path) == ""
    (tmp_path / "items-1").write_text("")
    assert why_not_replaced(tmp_path, own) == ""
    assert "not empty" in why_not_replaced(tmp_path)
    assert "a file" in why_not_replaced(tmp_path / "items-1", own)
    (tmp_path / "items-2").mkdir()
    assert "not empty" in why_not_replaced(tmp_path, own)
    if Path("/proc").is_mount():
        assert "a disk of its own" in why_not_replaced(Path("/proc"), ".*")


def io_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = f"SQLITE_IOERR_{name}"
    return error


@pytest.mark.parametrize("name", ["SHMSIZE", "WRITE", "FSYNC", "READ", "SHORT_READ", "CORRUPTFS", "DATA"])
@pytest.mark.parametrize("free", [0, 4096, 2**20])
def test_an_io_error_is_a_full_disk_where_it_is_one_of_writing_and_nothing_is_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, free: int
):
    monkeypatch.setattr(disk, "free_bytes", lambda _: free)
    error = io_error(name)
    is_one = free < 2**20 and name in {"SHMSIZE", "WRITE", "FSYNC"}
    assert is_full(error, tmp_path) == is_one
    assert not is_full(error), "nobody knows of which disk it is"
    with pytest.raises(DiskFull if is_one else sqlite3.OperationalError), full_disks(tmp_path):
        raise error


@pytest.mark.chaos
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_database_on_a_disk_without_a_byte_is_on_a_full_disk(tmp_path: Path):
    with small_disk(tmp_path, 20) as mounted:
        path = mounted / "records.sqlite"
        open_database(path, "CREATE TABLE t (x)").close()
        ballast = mounted / "ballast"
        with ballast.open("wb") as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
                file.flush()
        assert free_bytes(mounted) < disk.SQLITE_BYTES
        with pytest.raises(DiskFull, match=r"records\.sqlite"), full_disks(path):
            open_database(path, "CREATE TABLE IF NOT EXISTS t (x)")
        for opening in (Ledger, SqliteExposures, SqliteHistory):
            with pytest.raises((DiskFull, HistoryError), match=r"disk.* is full"):
                opening(path)
        ballast.unlink()
        open_database(path, "CREATE TABLE IF NOT EXISTS t (x)").close()
