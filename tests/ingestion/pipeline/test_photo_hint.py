import json

import pytest

from tests.ingestion.fakes import photo_bytes
from tests.ingestion.pipeline.test_ingest import fail_without_photo


@pytest.fixture
def ingested(shop, tmp_path):
    """The report of a catalogue of these rows, beside which lies one photo."""
    (tmp_path / "a.jpg").write_bytes(photo_bytes())

    def ingest(*rows, **options):
        file = tmp_path / "items.jsonl"
        lines = [json.dumps({"id": str(number), "title": "A"} | row) for number, row in enumerate(rows)]
        file.write_text("\n".join(lines))
        return shop.ingest(file, **options)

    return ingest


def test_a_column_that_looks_like_photos_is_proposed_where_no_item_has_one(ingested):
    rows = {"swatch": "a.jpg"}, {"swatch": "a.jpg"}
    sentence = "0 of 2 items have a photo: did you mean swatch? Run it again with --map image=swatch"
    assert ingested(*rows).photo_hint == sentence
    assert ingested(*rows).photo_hint == sentence  # also where nothing has changed
    assert ingested(*rows, mapping=["image=swatch"]).photo_hint == ""


@pytest.mark.parametrize("is_strict", [True, False])
def test_where_every_photo_is_missing_the_reason_is_said(ingested, shop, is_strict):
    if is_strict:
        shop.settings = fail_without_photo(shop.settings)
    report = ingested({"image": "x.jpg"}, {"image": "y.jpg"})
    assert report.photo_hint.startswith("0 of 2 items have a photo: there is no file at")
    assert report.with_photo == 0


def test_one_photo_is_enough_and_a_catalogue_without_any_needs_none(ingested):
    assert ingested({"image": "a.jpg"}, {"image": "x.jpg"}).photo_hint == ""
    assert ingested({"colour": "red"}, {"colour": "blue"}).photo_hint == ""
    assert ingested({"image": "a.jpg"}).with_photo == 1
