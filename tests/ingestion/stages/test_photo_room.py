"""Photos for which there is no room: neither lost, nor stored as if they had none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingestion.fakes import photo_bytes
from tests.ingestion.stages.test_missing_photo import write
from vlclip.engine.photos.decoding import MOST_PIXELS
from vlclip.engine.photos.room import ROOM, Limits
from vlclip.ingestion.reading.entry import Entry
from vlclip.ingestion.stages.prepare import TOGETHER, TOGETHER_PIXELS, Prepare


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


class Counted:
    """A photo of so many pixels, counted while it is there."""

    now = most = 0

    def __init__(self, pixels: int) -> None:
        self.width, self.height = pixels, 1
        Counted.now += pixels
        Counted.most = max(Counted.now, Counted.most)

    def __del__(self) -> None:
        Counted.now -= self.width


@given(st.lists(st.none() | st.integers(1, MOST_PIXELS), max_size=TOGETHER))
def test_the_decoded_photos_of_a_batch_stay_below_a_bound_and_none_is_lost(sizes):
    Counted.now = Counted.most = 0
    located = []

    class CountedPrepare(Prepare):
        __slots__ = ()

        def _decoded(self, entry):
            size = sizes[entry.row]
            return entry, None if size is None else Counted(size)

        def _located(self, entries, photos):
            located.append(sum(photo.width for photo in photos if photo))
            return entries

        def _ready(self, entry, photo):
            return entry

    entries = [Entry(source="s", row=row, id=str(row)) for row in range(len(sizes))]
    stage = CountedPrepare(*[None] * 6)
    assert list(stage._cropped(entries)) == entries
    assert Counted.most < TOGETHER_PIXELS + MOST_PIXELS
    assert all(pixels >= TOGETHER_PIXELS for pixels in located[:-1]), "no smaller groups than needed"
    assert Counted.now == 0
