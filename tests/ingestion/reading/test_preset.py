"""Which system's export a catalogue is."""

import json

import pytest

from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.ingestion.reading.origin import FIELDS
from vlclip.ingestion.reading.preset import NAMES, choose_preset, load_preset

PLAIN = ["id", "title", "description", "product_type", "brand", "price", "image", "availability", "colour"]


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_fits_each_of_its_sets_of_columns_and_no_other_comes_first(name):
    preset = load_preset(name)
    assert set(preset.fields) <= set(FIELDS)
    for columns in preset.detect:
        plain = [column if not column.startswith("~") else "name-en_US" for column in columns]
        assert choose_preset([*plain, "colour"], "auto") == preset
        assert choose_preset([column.upper().replace("_", " ") for column in plain], "auto") in (preset, None)
        assert choose_preset(plain, "plain") is None
        assert choose_preset(plain, name) == preset
        fewer = [column for column in plain if column != plain[0]]
        assert choose_preset(fewer, "auto") != preset or preset.fits(fewer)


def test_a_plain_catalogue_has_no_preset_and_none_can_be_forced_on_it():
    assert choose_preset(PLAIN, "auto") is None
    with pytest.raises(CatalogueError, match=r"not a Shopify export, which has the columns Handle"):
        choose_preset(PLAIN, "shopify")
    with pytest.raises(CatalogueError, match=r"no format 'etsy'; there are: auto, plain, shopify"):
        choose_preset(PLAIN, "etsy")


def google(path, **cells):
    row = {"id": "1", "title": "Hat", "image_link": "a.jpg", "availability": "in_stock", **cells}
    file = path / "feed.jsonl"
    file.write_text(json.dumps(row))
    return file


def test_the_mapping_says_how_the_catalogue_is_read_and_what_is_mapped_wins(tmp_path):
    detail = [{"attribute_name": "Fit", "attribute_value": "slim"}]
    file = google(tmp_path, headline="Better", product_detail=detail)
    mapping = map_columns(open_catalogue(file), ["title=headline"])
    assert "title        ← headline" in mapping.describe()
    assert "read within  : product_detail" in mapping.describe()
    note = "note         : read as a Google product feed (--format google); --format plain reads it without"
    assert note in mapping.describe()
    plain = map_columns(open_catalogue(file, "plain"))
    assert not plain.notes
    assert "product_detail" in plain.attributes.names
