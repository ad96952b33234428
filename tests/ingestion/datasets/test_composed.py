"""A harder copy of a catalogue: what changes, what stays, and that the truth is true."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw

from vlclip.engine.training.held_out import is_validation
from vlclip.ingestion.datasets.composed import CompositionPlan, compose_catalogue
from vlclip.ingestion.errors import CatalogueError
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

COLOURS = ["red", "green", "blue", "orange", "purple", "teal"]


@pytest.fixture
def catalogue(tmp_path):
    rows = []
    for number in range(24):
        photo = Image.new("RGB", (60, 80), "white")
        ImageDraw.Draw(photo).rectangle((15, 20, 44, 59), fill=COLOURS[number % 6])
        photo.save(tmp_path / f"{number}.png")
        rows.append({
            "id": f"p{number}", "title": f"Acme {COLOURS[number % 6]} Lamps {number}",
            "product_type": f"Kind {number % 6}", "colour": COLOURS[number % 6], "image": f"{number}.png",
        })  # fmt: skip
    path = tmp_path / "catalogue.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def compose(catalogue, folder, **options):
    report = compose_catalogue(CompositionPlan(catalogue, **options), folder, Settings.load())
    items = {}
    written = open_catalogue(report.catalogue)
    for entry in written.entries(map_columns(written, [])):
        items[entry.id] = entry.item
    truth = {row["id"]: row for row in map(json.loads, report.truth.read_text().splitlines())}
    return report, items, truth


def pixels(item):
    import io

    return np.asarray(Image.open(io.BytesIO(item.image)).convert("RGB")).astype(int)


def test_a_product_lies_in_its_box_and_everything_else_of_the_item_stays(catalogue, tmp_path):
    report, items, truth = compose(catalogue, tmp_path / "out")
    assert (report.written, report.left_out) == (24, 0)
    for number in range(24):
        item, facts = items[f"p{number}"], truth[f"p{number}"]
        assert item.title == facts["clean_title"] == f"Acme {COLOURS[number % 6]} Lamps {number}"
        assert item.product_type == f"Kind {number % 6}"
        assert item.attributes["colour"] == COLOURS[number % 6]
        photo = pixels(item)
        assert photo.shape == (224, 224, 3)
        x0, y0, x1, y1 = map(int, facts["box"])
        middle = photo[(y0 + y1) // 2, (x0 + x1) // 2]
        assert np.abs(middle - Image.new("RGB", (1, 1), COLOURS[number % 6]).getpixel((0, 0))).max() < 60
        assert 60 <= max(x1 - x0, y1 - y0) <= 120


def test_the_same_seed_writes_the_same_copy_and_another_another(catalogue, tmp_path):
    _, first, _ = compose(catalogue, tmp_path / "a")
    _, again, _ = compose(catalogue, tmp_path / "b")
    _, other, _ = compose(catalogue, tmp_path / "c", seed=8)
    assert all(first[key].image == again[key].image for key in first)
    assert any(first[key].image != other[key].image for key in first)


def test_spoiled_titles_are_told_from_clean_ones_and_photos_may_stay_as_they_are(catalogue, tmp_path):
    _, items, truth = compose(catalogue, tmp_path / "out", clutter=False, spoil=True)
    assert sum(items[key].title != truth[key]["clean_title"] for key in items) >= 20
    assert all("box" not in facts for facts in truth.values())
    assert items["p3"].image == (catalogue.parent / "3.png").read_bytes()


@pytest.mark.parametrize("split", ["training", "validation"])
def test_a_split_holds_its_own_items_alone(catalogue, tmp_path, split):
    expected = {f"p{n}" for n in range(24) if is_validation(f"p{n}") == (split == "validation")}
    _, items, _ = compose(catalogue, tmp_path / "out", split=split, clutter=False)
    assert set(items) == expected


def test_a_limit_and_a_second_run_leave_nothing_of_the_first(catalogue, tmp_path):
    compose(catalogue, tmp_path / "out")
    report, items, truth = compose(catalogue, tmp_path / "out", limit=5)
    assert report.written == len(items) == len(truth) == 5


def test_items_without_a_packshot_are_left_out_and_counted(catalogue, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 60, 3), dtype=np.uint8)).save(
        catalogue.parent / "0.png"
    )
    (catalogue.parent / "1.png").write_bytes(b"not a photo")
    report, items, _ = compose(catalogue, tmp_path / "out")
    assert (report.written, report.left_out) == (22, 2)
    assert not {"p0", "p1"} & set(items)


def test_a_catalogue_without_any_packshot_says_so(tmp_path):
    path = tmp_path / "catalogue.jsonl"
    path.write_text(json.dumps({"id": "a", "title": "no photo"}))
    with pytest.raises(CatalogueError, match="plain background"):
        compose_catalogue(CompositionPlan(path), tmp_path / "out", Settings.load())


def test_what_is_written_is_one_row_an_item(catalogue, tmp_path):
    report, _, _ = compose(catalogue, tmp_path / "out")
    frame = pl.read_parquet(report.catalogue / "*.parquet")
    assert frame.height == 24
    assert frame["id"].n_unique() == 24
