"""Photos at addresses that change while their address stays."""

from __future__ import annotations

import json

import pytest

from tests.ingestion.fakes import Shop, photo_bytes
from vlclip.ingestion.errors import FetchError
from vlclip.ingestion.photos.fetch import Fetcher
from vlclip.ingestion.settings import Fetch
from vlclip.ingestion.stages.compare import PHOTO_VERSION, SILENT, UNVERSIONED
from vlclip.service.settings import Settings

RED, BLUE = photo_bytes("red"), photo_bytes("blue")
TIMES = ("Mon, 30 Nov 2026 10:00:00 GMT", "Mon, 30 Nov 2026 11:00:00 GMT")


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path / "store", Settings.load(fetch={"allow_private": True, "timeout_s": 5}))
    yield shop
    shop.close()


class Photo:
    """A photo on a server, whose version it names in one way or another."""

    def __init__(self, server, path, way):
        self.url, self.way, self.path, self.server = server.url(path), way, path, server
        self.number, self.bodies = 0, 0
        self.serve(RED)

    def serve(self, body):
        """Replace the photo."""
        self.number += 1
        number = self.number

        def answer(request):
            headers = {
                "etag": {"ETag": f'"v{number}"'},
                "weak": {"ETag": f'W/"v{number}"'},
                "time": {"Last-Modified": TIMES[number - 1]},
                "deaf": {"ETag": f'"v{number}"'},
                "none": {},
            }[self.way]
            condition = request.headers.get("If-None-Match") or request.headers.get("If-Modified-Since")
            if self.way != "deaf" and condition and condition in headers.values():
                request.send_response(304)
                request.end_headers()
                return
            self.bodies += not condition
            request.send_response(200)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(body)

        self.server.answers[self.path] = answer


def catalogue(path, *photos):
    file = path / "items.jsonl"
    rows = [{"id": f"{n}", "title": f"Thing {n}", "image": photo.url} for n, photo in enumerate(photos)]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


@pytest.mark.parametrize("way", ["etag", "weak", "time", "deaf"])
def test_a_photo_that_is_replaced_under_its_address_is_embedded_again(tmp_path, server, shop, way):
    photos = [Photo(server, f"/{n}.png", way) for n in range(3)]
    file = catalogue(tmp_path, *photos)
    assert shop.ingest(file, check_photos=True).embedded == 3
    before = shop.points()
    for report in (shop.ingest(file, check_photos=True), shop.ingest(file)):
        assert (report.unchanged, report.embedded, dict(report.warnings)) == (3, 0, {})
    photos[1].serve(BLUE)
    assert shop.ingest(file).unchanged == 3  # nobody asked
    report = shop.ingest(file, check_photos=True)
    assert (report.unchanged, report.embedded) == (2, 1)
    after = shop.points()
    assert {name for name in before if before[name] != after[name]} == {"1"}
    assert before["1"][1] != after["1"][1]
    assert after["1"][0]["provenance"][PHOTO_VERSION].endswith(TIMES[1] if way == "time" else 'v2"')
    assert shop.ingest(file, check_photos=True).unchanged == 3


def test_what_cannot_be_checked_stays_and_a_note_says_so(tmp_path, server, shop):
    silent, unversioned = Photo(server, "/a.png", "etag"), Photo(server, "/b.png", "none")
    file = catalogue(tmp_path, silent, unversioned)
    shop.ingest(file)
    before = shop.points()
    del server.answers["/a.png"]
    report = shop.ingest(file, check_photos=True)
    assert (report.unchanged, report.failed) == (2, 0)
    assert dict(report.warnings) == {SILENT: 1, UNVERSIONED: 1}
    assert shop.points() == before


def test_photos_in_files_are_not_asked_for(tmp_path, server, shop):
    (tmp_path / "a.png").write_bytes(RED)
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps({"id": "1", "title": "Thing", "image": "a.png"}))
    shop.ingest(file, check_photos=True)
    assert shop.ingest(file, check_photos=True).unchanged == 1
    assert server.requested == []


@pytest.mark.parametrize("way", ["etag", "weak", "time", "deaf", "none"])
def test_the_version_is_that_of_the_photo_and_its_body_is_not_read(server, way):
    photo = Photo(server, "/a.png", way)
    fetcher = Fetcher(Fetch(allow_private=True, timeout_s=5), backoff_s=0.01)
    assert fetcher.fetch(photo.url) == RED
    version = fetcher.latest_version()
    assert bool(version) == (way != "none")
    assert fetcher.version(photo.url, version) == version
    photo.serve(BLUE)
    assert (fetcher.version(photo.url, version) != version) == (way != "none")
    del server.answers["/a.png"]
    with pytest.raises(FetchError, match="404"):
        fetcher.version(photo.url, version)
    fetcher.close()
