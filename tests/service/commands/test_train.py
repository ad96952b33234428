"""`vlclip train`: a catalogue and a recipe in, a model out, by one process or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vlclip.engine.encoding import graphs
from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.encoding.loading import load_encoder
from vlclip.service.cli import build

ROOT = Path(__file__).parents[3]


@pytest.fixture
def recipe(tmp_path, tiny_clip) -> Path:
    path = tmp_path / "recipe.json"
    plan = {"init": str(tiny_clip), "epochs": 2, "batch": 16, "lr": 1e-4, "hard": 0.5, "cache_chunk": 8}
    path.write_text(json.dumps(plan))
    return path


def train(*words: object) -> dict:
    result = CliRunner().invoke(build(), ["train", *map(str, words), "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_trained_model_loads_from_the_run_and_from_the_output(tmp_path, recipe, catalogue):
    figures = train(recipe, catalogue, "--run", tmp_path / "run")
    assert [row["epoch"] for row in figures["history"]] == [1, 2]
    load_clip(str(tmp_path / "run"), "cpu")
    again = train(recipe, catalogue, "--run", tmp_path / "run", "--output", tmp_path / "model")
    assert again["history"] == figures["history"]
    own = load_clip(str(tmp_path / "model"), "cpu")
    graphs = load_encoder(str(tmp_path / "model"), runtime="onnx")  # without PyTorch, in the same step
    assert again["runtime"] == figures["runtime"] == graphs.runtime
    np.testing.assert_allclose(graphs.encode_texts(["a hat"]), own.encode_texts(["a hat"]), atol=1e-5)


def test_a_model_that_cannot_have_graphs_is_trained_all_the_same(tmp_path, recipe, catalogue, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("no operator for it")

    monkeypatch.setattr(graphs, "write_graph", refuse)
    words = ["train", str(recipe), str(catalogue), "--run", str(tmp_path / "run"), "--device", "cpu"]
    result = CliRunner().invoke(build(), words)
    assert result.exit_code == 0, result.output
    assert "PyTorch has to run this model" in result.stderr
    assert "no operator for it" in result.stderr
    assert "needs no PyTorch" not in result.stdout
    assert load_encoder(str(tmp_path / "run")).runtime == "torch"


def test_an_unusable_recipe_ends_with_one_sentence(tmp_path, catalogue):
    path = tmp_path / "recipe.json"
    path.write_text('{"init": "vlclip-small", "refine": true}')
    result = CliRunner().invoke(build(), ["train", str(path), str(catalogue)])
    assert result.exit_code == 1
    assert "use `{refined}` in one" in " ".join(result.stderr.split())


def test_a_folder_with_anything_but_a_model_is_refused_before_training(tmp_path, recipe, catalogue):
    (tmp_path / "own.md").write_text("mine")
    words = ["train", str(recipe), str(catalogue), "--run", str(tmp_path / "run"), "--output", str(tmp_path)]
    result = CliRunner().invoke(build(), words)
    assert result.exit_code == 1
    assert "is not empty; give a new folder" in " ".join(result.stderr.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.slow  # three Python processes load torch
def test_torchrun_trains_as_one_process_does(tmp_path, recipe, catalogue):
    alone = train(recipe, catalogue, "--run", tmp_path / "one")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--no-python",
        "--",
    ]
    words = [
        Path(sys.executable).with_name("vlclip"),
        "train",
        recipe,
        catalogue,
        "--run",
        tmp_path / "two",
        "--device",
        "cpu",
    ]
    process = subprocess.run(
        [*command, *map(str, words)], cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("the model is in") == 1
    history = json.loads((tmp_path / "two" / "history.json").read_text())
    for step, other_step in zip(alone["history"], history, strict=True):
        assert step["loss"] == pytest.approx(other_step["loss"], abs=1e-4)
