"""The model that ships: small enough, and good enough for the demo and for real photos."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from vlclip.engine.encoding.model_files import SHIPPED
from vlclip.engine.training.held_out import is_validation
from vlclip.service.cli import build

MODEL = SHIPPED / "vlclip-small"


def body(*words: object) -> dict:
    result = CliRunner().invoke(build(), [*map(str, words), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_is_small_and_comes_with_all_it_needs():
    names = {
        "README.md",
        "open_clip_config.json",
        "open_clip_model.safetensors",
        "recipe.json",
        "tokenizer.json",
    }
    assert names <= {file.name for file in MODEL.iterdir()}
    assert (MODEL / "open_clip_model.safetensors").stat().st_size <= 16_000_000
    assert (
        "/"
        not in json.loads((MODEL / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"][
            "hf_tokenizer_name"
        ]
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    report = body("demo", "--folder", folder, "--count", 300)
    assert report["failed"] == 0
    assert Path(report["page"]).stat().st_size > 100_000
    return folder


@pytest.mark.parametrize("product_type", ["mug", "umbrella", "chair", "sneaker"])
def test_photos_alone_answer_a_word_on_the_drawn_catalogue(demo, product_type):
    command = ("search", product_type, "--store", demo / "store", "-n", 5, "--weights", "text=0,lexical=0")
    types = [result["item"]["product_type"] for result in body(*command)["results"]]
    assert types.count(product_type) >= 3  # of 20 types


@pytest.mark.parametrize("words", ["yellow chair", "blue zigzag bottle", "green dress"])
def test_the_whole_search_answers_colour_and_type(demo, words):
    colour, product_type = words.split()[0], words.split()[-1]
    best = body("search", words, "--store", demo / "store", "-n", 1)["results"][0]["item"]
    assert (best["colour"], best["product_type"]) == (colour, product_type)


def test_drawn_titles_find_their_own_photos(demo):
    figures = body("evaluate", "retrieval", demo / "catalogue" / "catalogue.jsonl", "--store", demo / "store")
    assert figures["n"] == 300
    assert figures["hits@5"] > 0.7  # by chance 0.017


def test_similar_drawn_items_are_of_a_kind(demo):
    shares = body(
        "evaluate", "similar", "--store", demo / "store", "--field", "product_type", "--field", "colour"
    )
    assert shares["product_type"] > 4 * shares["product_type_chance"]
    assert shares["colour"] > 3 * shares["colour_chance"]


@pytest.mark.data
def test_the_eshop_catalogue_needs_no_flag_at_all(data, tmp_path):
    report = body("ingest", data / "eshop" / "catalog.json", "--store", tmp_path / "s")
    assert (report["read"], report["embedded"], report["failed"]) == (101, 101, 0)
    results = body("search", "snowboard boots", "--store", tmp_path / "s", "-n", 3)["results"]
    assert any("Boots" in result["item"]["title"] for result in results)
    assert all(result["parts"]["image"] != 0 for result in results)


@pytest.mark.data
def test_titles_find_photos_they_were_never_trained_with(data, tmp_path):
    rows = pl.read_parquet(data / "fashion" / "items-0.parquet")
    validation = rows.filter(pl.Series([is_validation(item) for item in rows["product_id"]])).head(400)
    validation.write_parquet(tmp_path / "validation.parquet")
    report = body("ingest", tmp_path / "validation.parquet", "--store", tmp_path / "s")
    assert report["embedded"] == 400
    figures = body("evaluate", "retrieval", tmp_path / "validation.parquet", "--store", tmp_path / "s")
    assert figures["hits@5"] > 0.6  # 5 of 400 by chance is 0.0125
    assert figures["hits@5_dup"] >= figures["hits@5"]
