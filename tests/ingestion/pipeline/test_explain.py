"""A catalogue explained is the catalogue as an ingest would read it."""

import json

import pytest

from vlclip.ingestion.pipeline.explain import ITEMS, SAMPLE, explain_catalogue
from vlclip.ingestion.settings import IngestionSettings

ROWS = [
    {
        "sku": f"n{n}", "name": f"Hat {n}", "price": "7 EUR", "colour": "red", "empty": "", "a.b": "x",
        "raw": None,
        "image": ["there.jpg", "gone.jpg", "https://shop.example/a.jpg"], "availability": "perhaps",
    }
    for n in range(SAMPLE + 10)
]  # fmt: skip


@pytest.fixture
def source(tmp_path):
    (tmp_path / "there.jpg").write_bytes(b"x")
    file = tmp_path / "shop.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in [*ROWS[:1], {"name": "nameless"}, *ROWS[1:]]))
    return file


def test_every_column_has_a_fate(source):
    explanation = explain_catalogue(source, IngestionSettings())
    fates = {fate.column: fate.fate for fate in explanation.columns}
    assert set(fates) == set(ROWS[0])
    assert (fates["name"], fates["colour"], fates["a.b"]) == ("title", "attribute", "attribute a_b")
    assert fates["empty"] == fates["raw"] == "nothing: it is empty"


def test_the_first_items_are_those_that_an_ingest_reads_and_its_notes_are_counted(source):
    explanation = explain_catalogue(source, IngestionSettings(), mapping=["brand=colour"])
    first, nameless, third = explanation.items
    assert len(explanation.items) == ITEMS
    assert (first.id, first.row, first.payload["title"], first.payload["brand"]) == ("n0", 1, "Hat 0", "red")
    assert "Hat 0" in first.words
    states = dict(first.photos)
    assert states["there.jpg"] == "there"
    assert "no file at" in states["gone.jpg"]
    assert "fetched at the ingest" in states["https://shop.example/a.jpg"]
    assert "no id" in nameless.failure
    assert third.row == 3
    assert explanation.read == SAMPLE
    assert explanation.rows == len(ROWS) + 1
    assert list(explanation.warnings.values()) == [SAMPLE - 1]
    assert list(explanation.failures.values()) == [1]


def test_nothing_is_stored(source, tmp_path):
    before = sorted(tmp_path.iterdir())
    explain_catalogue(source, IngestionSettings(store=str(tmp_path / "store")))
    assert sorted(tmp_path.iterdir()) == before
