"""Sources that change: told once, waited for while they are written, kept when a fetch fails."""

from __future__ import annotations

import os
import time
from pathlib import Path

import fsspec
import httpx2
import pytest

from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.sources import HttpSource, LocalSource, RemoteSource, open_source

ROWS = "sku,title\n1,Lamp\n"


def quiet(_: float) -> bool:
    return False


def old(file: Path, text: str) -> Path:
    """A file that was written a while ago."""
    file.write_text(text)
    at = time.time() - 60
    os.utime(file, (at, at))
    return file


def test_a_file_is_new_until_it_is_done_and_again_when_it_changes(tmp_path):
    file = old(tmp_path / "a.csv", ROWS)
    source = open_source(str(file), tmp_path / "copies")
    assert source.renewed(quiet) == file
    assert source.renewed(quiet) == file  # the run over it failed
    source.settle()
    assert source.renewed(quiet) is None
    old(file, ROWS + "2,Chair\n")
    assert source.renewed(quiet) == file


def test_a_folder_changes_with_its_shards(tmp_path):
    old(tmp_path / "a.csv", ROWS)
    source = LocalSource(tmp_path)
    assert source.renewed(quiet) == tmp_path
    source.settle()
    (tmp_path / "notes.md").write_text("no shard")
    assert source.renewed(quiet) is None
    old(tmp_path / "b.csv", ROWS)
    assert source.renewed(quiet) == tmp_path


def test_a_file_that_is_being_written_is_waited_for(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(ROWS)
    clock, looks = time.time(), []

    def writing(pause_s: float) -> bool:
        nonlocal clock
        clock += pause_s
        looks.append(pause_s)
        if len(looks) < 4:
            with file.open("a") as target:
                target.write("2,Chair\n")
            os.utime(file, (clock, clock))
        return False

    source = LocalSource(file, now=lambda: clock)
    assert source.renewed(writing) == file
    assert len(looks) >= 4
    source.settle()
    assert source.renewed(quiet) is None


def test_a_stop_ends_the_wait(tmp_path):
    (tmp_path / "a.csv").write_text(ROWS)
    assert LocalSource(tmp_path / "a.csv").renewed(lambda _: True) is None


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(CatalogueError, match=r"none\.csv"):
        LocalSource(tmp_path / "none.csv").renewed(quiet)


class Server:
    """A made-up server that keeps to the conditions of a request, or does not."""

    def __init__(self, *, etag: bool = True) -> None:
        self.text, self.etag, self.status, self.bodies = ROWS, etag, 200, 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        tag = f'"{hash(self.text)}"'
        if self.status != 200:
            return httpx2.Response(self.status)
        if self.etag and request.headers.get("if-none-match") == tag:
            return httpx2.Response(304)
        self.bodies += 1
        return httpx2.Response(200, text=self.text, headers={"etag": tag} if self.etag else {})


@pytest.mark.parametrize("etag", [True, False])
def test_an_address_is_fetched_when_its_content_changes(tmp_path, etag):
    server = Server(etag=etag)
    url = "https://anna:secret@shop.example/feed.csv?token=secret"
    source = HttpSource(url, tmp_path, httpx2.MockTransport(server))
    assert "secret" not in source.name
    file = source.renewed(quiet)
    assert (file.name, file.read_text()) == ("feed.csv", ROWS)
    assert source.renewed(quiet) is not None
    source.settle()
    fetched = server.bodies
    assert source.renewed(quiet) is None
    assert server.bodies == fetched + (not etag)
    server.text += "2,Chair\n"
    assert source.renewed(quiet).read_text() == server.text
    source.settle()
    server.status = 500
    with pytest.raises(CatalogueError, match="500") as raised:
        source.renewed(quiet)
    assert "secret" not in str(raised.value)
    server.status = 200
    assert source.renewed(quiet) is None


def test_a_download_that_breaks_off_leaves_the_copy_of_before(tmp_path):
    def broken(request: httpx2.Request) -> httpx2.Response:
        def body():
            yield b"sku,ti"
            raise httpx2.ReadError("gone")

        return httpx2.Response(200, content=body())

    file = tmp_path / "feed.csv"
    file.write_text(ROWS)
    source = HttpSource("https://shop.example/feed.csv", tmp_path, httpx2.MockTransport(broken))
    with pytest.raises(CatalogueError, match="gone"):
        source.renewed(quiet)
    assert file.read_text() == ROWS


@pytest.mark.parametrize(
    ("content_type", "name"),
    [("text/csv; charset=utf-8", "feed.csv"), ("application/x-ndjson", "feed.jsonl")],
)
def test_a_type_says_what_an_address_does_not(tmp_path, content_type, name):
    answer = httpx2.Response(200, content=b"x", headers={"content-type": content_type})
    source = HttpSource("https://shop.example/feed", tmp_path, httpx2.MockTransport(lambda _: answer))
    assert source.renewed(quiet).name == name


def test_a_type_that_says_nothing_is_an_error(tmp_path):
    source = HttpSource(
        "https://shop.example/feed", tmp_path, httpx2.MockTransport(lambda _: httpx2.Response(200))
    )
    with pytest.raises(CatalogueError, match="kind of file"):
        source.renewed(quiet)


def test_what_fsspec_reads_is_copied_when_it_changes(tmp_path):
    system = fsspec.filesystem("memory")
    system.pipe("/shop/a.csv", ROWS.encode())
    system.pipe("/shop/b.csv", b"sku,title\n2,Chair\n")
    whole, part = open_source("memory://shop", tmp_path), open_source("memory://shop/a.csv", tmp_path)
    assert isinstance(whole, RemoteSource)
    folder, file = whole.renewed(quiet), part.renewed(quiet)
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv"]
    assert file.read_text() == ROWS
    for source in (whole, part):
        source.settle()
        assert source.renewed(quiet) is None
    system.pipe("/shop/a.csv", b"sku,title\n1,Torch\n")
    system.rm("/shop/b.csv")
    assert [path.name for path in whole.renewed(quiet).iterdir()] == ["a.csv"]
    assert "Torch" in part.renewed(quiet).read_text()
    system.rm("/shop", recursive=True)
    with pytest.raises(CatalogueError, match="memory://shop"):
        whole.renewed(quiet)


def test_a_driver_that_is_not_installed_is_named(tmp_path):
    with pytest.raises(CatalogueError, match=r"vlclip\[watch\]"):
        open_source("s3://bucket/feed.csv", tmp_path).renewed(quiet)
