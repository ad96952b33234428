"""`vlclip train-grounder`: packshots in, a grounder out that ingestion can name."""

from __future__ import annotations

import json

import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from tests.engine.training.grounder.test_training import TINY
from vlclip.engine.grounding.loading import load_grounder
from vlclip.engine.settings import Grounding
from vlclip.service.cli import build

COLOURS = ["red", "green", "blue", "orange"]


def run(*words):
    return CliRunner().invoke(build(), list(map(str, words)))


@pytest.fixture
def catalogue(tmp_path):
    rows = []
    for number in range(16):
        photo = Image.new("RGB", (60, 80), "white")
        ImageDraw.Draw(photo).rectangle((15, 20, 44, 59), fill=COLOURS[number % 4])
        photo.save(tmp_path / f"{number}.png")
        rows.append({
            "id": f"p{number}", "title": f"Thing {number}", "product_type": f"Kind {'abcd'[number % 4]}",
            "image": f"{number}.png",
        })  # fmt: skip
    path = tmp_path / "catalogue.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    plan = {  # both parts tell of their progress every ten steps
        "model": TINY, "steps": 10, "batch": 2, "save_every": 10, "warmup_steps": 1,
        "naming_steps": 10,
    }  # fmt: skip
    path.write_text(json.dumps(plan))
    return path


def test_a_catalogue_of_packshots_makes_a_grounder_that_can_be_named(tmp_path, catalogue, recipe):
    target = tmp_path / "model"
    result = run(
        "train-grounder", recipe, catalogue, "--run", tmp_path / "run", "--output", target, "--device", "cpu",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["step"] == 10
    grounder = load_grounder(Grounding(model=str(target)), "cpu")
    (detection,) = grounder.locate([Image.new("RGB", (60, 80), "white")], ["Kind a"])
    assert 0 <= detection.box[0] < detection.box[2] <= 60


def test_a_catalogue_of_one_type_says_what_is_missing(tmp_path, catalogue, recipe):
    rows = [json.loads(line) | {"product_type": "Kind a"} for line in catalogue.read_text().splitlines()]
    catalogue.write_text("\n".join(map(json.dumps, rows)))
    result = run("train-grounder", recipe, catalogue, "--run", tmp_path / "run")
    assert result.exit_code == 1
    assert "two product types" in " ".join(result.output.split())
