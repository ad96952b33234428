"""Photos for which there is no room: neither lost, nor stored as if they had none."""

import pytest

from tests.ingestion.fakes import photo_bytes
from tests.ingestion.stages.test_missing_photo import write
from vlclip.engine.photos.room import ROOM, Limits


@pytest.mark.parametrize("photos", [1, 2])
def test_an_item_whose_photo_found_no_room_is_a_dead_letter_and_comes_with_the_next_run(
    shop, tmp_path, monkeypatch, photos
):
    names = [f"{n}.jpg" for n in range(photos)]
    for name in names:
        (tmp_path / name).write_bytes(photo_bytes((200, 30, 10)))
    rows = [{"id": "1", "title": "A", "image": names[0], "photos": names}, {"id": "2", "title": "B"}]
    file = write(tmp_path / "items.jsonl", rows)
    with monkeypatch.context() as patch, ROOM.hold(1, Limits(), "another photo"):
        patch.setattr("vlclip.ingestion.settings.Fetch.limits", Limits(wait_s=0.01))
        patch.setattr("vlclip.engine.photos.decoding.decoding_bytes", lambda *_: Limits().memory_bytes)
        first = shop.ingest(file)
    assert (first.embedded, first.without_photo, first.failed) == (1, 0, 1)
    assert "other photos took all the memory" in shop.failures()["1"]
    assert shop.ingest(file).embedded == 1


def test_one_that_needs_more_than_all_is_named_with_the_setting(shop, tmp_path, monkeypatch):
    (tmp_path / "0.jpg").write_bytes(photo_bytes((200, 30, 10)))
    file = write(tmp_path / "items.jsonl", [{"id": "1", "title": "A", "image": "0.jpg"}])
    monkeypatch.setattr("vlclip.engine.photos.decoding.decoding_bytes", lambda *_: 10**12)
    assert shop.ingest(file).without_photo == 1
    assert "40 by 30 pixels needs 1,000,000,000,000 bytes" in shop.failures()["1"]
    assert "fetch.decoding_bytes" in shop.failures()["1"]
