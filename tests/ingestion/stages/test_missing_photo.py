import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.ingestion.fakes import INFO, photo_bytes
from tests.ingestion.pipeline.test_ingest import fail_without_photo
from vlclip.ingestion.stages.missing_photo import NEXT, STAYS

IMAGE = INFO.space.slices()["image"]


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def has_photo(shop, item_id):
    return any(shop.points()[item_id][1][IMAGE])


@pytest.fixture
def one_photo(tmp_path, server):
    """An item whose photo is a file or a URL that is not there yet, and how it comes."""

    def make(kind):
        photo = photo_bytes((200, 30, 10))
        if kind == "url":
            image, come = server.url("/a.jpg"), lambda: server.serve("/a.jpg", photo)
        else:
            if kind == "damaged":
                (tmp_path / "a.jpg").write_bytes(b"no photo")
            image, come = "a.jpg", lambda: (tmp_path / "a.jpg").write_bytes(photo)
        rows = [{"id": "1", "title": "A", "image": image}, {"id": "2", "title": "B"}]
        return write(tmp_path / "items.jsonl", rows), come

    return make


@pytest.mark.parametrize("kind", ["file", "damaged", "url"])
def test_an_item_without_its_photo_is_stored_with_its_words_until_the_photo_comes(shop, one_photo, kind):
    file, come = one_photo(kind)
    first = shop.ingest(file)
    assert (first.embedded, first.without_photo, first.failed, first.dead_letters) == (2, 1, 0, 1)
    assert not has_photo(shop, "1")
    assert "stored with its words alone" in shop.failures()["1"]
    again = shop.ingest(file)
    assert (again.unchanged, again.without_photo, again.dead_letters) == (2, 1, 1)
    come()
    mended = shop.ingest(file, retry_failed=True)
    assert (mended.read, mended.embedded, mended.without_photo, mended.dead_letters) == (1, 1, 0, 0)
    assert has_photo(shop, "1")
    assert "photo_problem" not in shop.points()["1"][0]["provenance"]
    assert shop.ingest(file).unchanged == 2


@pytest.mark.parametrize("kind", ["file", "damaged"])
def test_a_photo_file_that_comes_is_embedded_by_the_next_ingest(shop, one_photo, kind):
    file, come = one_photo(kind)
    shop.ingest(file)
    come()
    report = shop.ingest(file)
    assert (report.embedded, report.unchanged, report.dead_letters) == (1, 1, 0)
    assert has_photo(shop, "1")


def test_a_url_that_failed_is_asked_again_only_by_a_retry(shop, one_photo, server):
    file, _ = one_photo("url")
    for options, requests in (({}, 1), ({}, 1), ({"retry_failed": True}, 2)):
        shop.ingest(file, **options)
        assert len(server.requested) == requests


def test_each_try_of_a_photo_is_an_attempt_and_a_look_is_none(shop, one_photo):
    file, _ = one_photo("url")
    for options in ({}, {}, {"retry_failed": True}):
        shop.ingest(file, **options)
    with shop.open() as (_, ledger):
        assert [letter.attempts for letter in ledger.dead_letters.latest()] == [2]
        assert ledger.dead_letters.count_by_step() == {"photo": 1}


@pytest.mark.parametrize("kind", ["file", "damaged", "url"])
def test_with_fail_an_item_without_its_photo_fails_also_after_it_was_stored_with_words(shop, one_photo, kind):
    file, _ = one_photo(kind)
    shop.ingest(file)
    shop.settings = fail_without_photo(shop.settings)
    report = shop.ingest(file)
    assert (report.unchanged, report.failed, report.without_photo) == (1, 1, 0)


def test_an_item_without_words_fails_with_its_photo(shop, tmp_path):
    rows = [{"id": "1", "brand": "Acme", "colour": "red", "image": "a.jpg"}]
    report = shop.ingest(write(tmp_path / "items.jsonl", rows))
    assert (report.failed, report.embedded) == (1, 0)
    assert "no file at" in shop.failures()["1"]


@pytest.mark.parametrize(
    "fields", [{"colour": "red"}, {"brand": "Acme", "type": "Shoe"}, {"price": 1, "title": "<br/>"}]
)
def test_attributes_alone_are_nothing_to_embed(shop, tmp_path, fields):
    rows = [{"id": "1", **fields}, {"id": "2", "description": "Words"}, {"id": "3", "title": "Words"}]
    report = shop.ingest(write(tmp_path / "items.jsonl", rows))
    assert (report.failed, report.embedded) == (1, 2)
    assert "no photo, title or description" in shop.failures()["1"]


@pytest.mark.parametrize("is_url", [True, False])
def test_an_item_keeps_its_stored_photo_when_it_cannot_be_read_any_more(shop, tmp_path, server, is_url):
    (tmp_path / "a.jpg").write_bytes(photo_bytes("white"))  # a photo that shows nothing has no hash
    server.serve("/a.jpg", photo_bytes((9, 90, 200)))
    image = server.url("/a.jpg") if is_url else "a.jpg"
    file = write(tmp_path / "items.jsonl", [{"id": "1", "title": "A", "price": 1, "image": image}])
    shop.ingest(file)
    before = shop.points()
    (tmp_path / "a.jpg").unlink()
    server.answers.clear()
    write(file, [{"id": "1", "title": "B", "price": 1, "image": image}])
    report = shop.ingest(file)
    assert (report.failed, report.without_photo) == (1, 0)
    assert STAYS in shop.failures()["1"]
    assert shop.points() == before


GOOD, BAD = photo_bytes((200, 30, 10)), (b"no photo", None)


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([GOOD, *BAD]), min_size=1, max_size=4), st.booleans())
def test_of_several_photos_the_first_that_can_be_read_is_embedded(shop, tmp_path, server, contents, is_url):
    names = [f"{number}.jpg" for number in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).unlink(missing_ok=True)
        server.answers.pop(f"/{name}", None)
        if content is not None:
            (tmp_path / name).write_bytes(content)
            server.serve(f"/{name}", content)
    images = [server.url(f"/{name}") for name in names] if is_url else names
    with shop.open() as (store, _):
        store.delete(["1"])
    file = write(tmp_path / "items.jsonl", [{"id": "1", "title": "A", "images": images}])
    report = shop.ingest(file)
    payload = shop.points()["1"][0]
    assert payload.get("photos", [payload["image"]]) == images
    first = next((number for number, content in enumerate(contents) if content == GOOD), None)
    assert report.without_photo == (first is None)
    assert payload["image"] == images[first or 0]
    assert has_photo(shop, "1") == (first is not None)
    assert report.warnings.get(NEXT, 0) == (1 if first else 0)
    assert shop.ingest(file).unchanged == 1
