"""Runs as folders: where they start from, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from tests.engine.training.colours import pairs, recipe, trained
from vlclip.engine.encoding.clip import load_clip, save_clip
from vlclip.engine.errors import EncoderError, TrainingError
from vlclip.engine.training.contrastive import train
from vlclip.engine.training.framing import framing
from vlclip.engine.training.pairs import Pairs
from vlclip.engine.training.recipe import Recipe
from vlclip.engine.training.run import TrainingRun, export, resume, start

PHOTO = Image.new("RGB", (30, 40), "red")


def tuning(init: str, **changes) -> Recipe:
    base = {"init": init, "epochs": 1, "batch": 16, "lr": 1e-4, "warmup_steps": 1, "validation_share": 0.2}
    return Recipe(**(base | changes))


def tune(folder: Path, plan: Recipe) -> TrainingRun:
    _, frame = framing(plan)
    data = pairs()
    photos = np.stack([frame(Image.fromarray(photo)) for photo in data.photos])
    start(folder, plan, [])
    run = TrainingRun(folder, plan)
    train(run, Pairs(data.ids, photos, data.fields))
    return run


def started(folder: Path, target: Path):
    """The model a run starts from, before any step."""
    export(folder, target, half=False)
    return load_clip(str(target), "cpu")


def is_same(first, second) -> bool:
    texts = np.array_equal(first.encode_texts(["red hat"]), second.encode_texts(["red hat"]))
    return texts and np.array_equal(first.encode_images([PHOTO]), second.encode_images([PHOTO]))


def test_fine_tuning_starts_from_a_folder(tmp_path, tiny_clip):
    plan = tuning(str(tiny_clip))
    assert framing(plan)[0] == (40, 30)
    start(tmp_path / "run", plan, [])
    before = load_clip(str(tiny_clip), "cpu")
    assert is_same(started(tmp_path / "run", tmp_path / "start"), before)
    tune(tmp_path / "run", plan)
    after = started(tmp_path / "run", tmp_path / "tuned")
    cosine = float((before.encode_texts(["red thing"]) @ after.encode_texts(["red thing"]).T)[0, 0])
    assert 0.5 < cosine < 0.99999


def test_fine_tuning_starts_from_an_earlier_run_as_it_stands(tmp_path):
    trained(tmp_path / "first", recipe(epochs=1))
    plan = tuning(str(tmp_path / "first"))
    assert framing(plan)[0] == (16, 12)
    start(tmp_path / "second", plan, [])
    first, second = (started(tmp_path / name, tmp_path / f"{name}-model") for name in ("first", "second"))
    assert is_same(first, second)
    assert tune(tmp_path / "second", plan).history[0]["epoch"] == 1


def test_of_a_tuned_run_the_last_weights_count_not_those_it_started_from(tmp_path, tiny_clip):
    tune(tmp_path / "run", tuning(str(tiny_clip)))
    start(tmp_path / "next", tuning(str(tmp_path / "run")), [])
    last = started(tmp_path / "next", tmp_path / "model")
    assert is_same(last, started(tmp_path / "run", tmp_path / "tuned"))
    assert not is_same(last, load_clip(str(tiny_clip), "cpu"))


def test_a_run_is_no_model_until_it_is_exported(tmp_path, tiny_clip):
    tune(tmp_path / "run", tuning(str(tiny_clip)))
    with pytest.raises(EncoderError, match="export the training run first"):
        load_clip(str(tmp_path / "run"), "cpu")
    export(tmp_path / "run", tmp_path / "run")
    load_clip(str(tmp_path / "run"), "cpu")


@pytest.fixture
def open_clip_model(tmp_path, monkeypatch) -> Path:
    """A model that open_clip knows as `Tiny/here` and, from the Hub's cache, as `nobody/tiny`."""
    small = dict(recipe().model)
    small["text_cfg"] = small["text_cfg"] | {"vocab_size": 49408}  # CLIP's own tokenizer
    trained(tmp_path / "known-run", recipe(model=small, vocab_size=None, epochs=1))
    folder, commit = tmp_path / "cache" / "models--nobody--tiny", "0" * 40
    export(tmp_path / "known-run", folder / "snapshots" / commit)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "Tiny", small)
    weights = {"hf_hub": "nobody/tiny/", "mean": (0.5,) * 3, "std": (0.5,) * 3}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "Tiny", {"here": weights})
    return tmp_path / "known-run"


@pytest.mark.parametrize("name", ["hf-hub:nobody/tiny", "Tiny/here"])
def test_fine_tuning_starts_from_a_name(tmp_path, open_clip_model, name):
    plan = tuning(name)
    assert framing(plan)[0] == (16, 12)
    start(tmp_path / "run", plan, [])
    first = started(tmp_path / "run", tmp_path / "start")
    assert is_same(first, load_clip(name, "cpu"))
    assert tune(tmp_path / "run", plan).history[0]["epoch"] == 1
    assert not is_same(started(tmp_path / "run", tmp_path / "tuned"), first)


def test_a_name_without_weights_is_refused_not_drawn_at_random(tmp_path, open_clip_model):
    next((tmp_path / "cache").glob("*/*/*/*.safetensors")).unlink()
    with pytest.raises(EncoderError, match="nobody/tiny"):
        start(tmp_path / "run", tuning("hf-hub:nobody/tiny"), [])


def test_a_run_of_another_recipe_is_not_continued(tmp_path):
    start(tmp_path, recipe(), ["red thing"])
    with pytest.raises(TrainingError, match="another recipe"):
        start(tmp_path, recipe(epochs=9), ["red thing"])


def test_a_checkpoint_that_is_none_is_refused(tmp_path):
    start(tmp_path, recipe(), ["red thing"])
    (tmp_path / "checkpoint.pt").write_bytes(b"not torch's")
    with pytest.raises(TrainingError, match="not a checkpoint"):
        resume(
            TrainingRun(tmp_path, recipe()), torch.nn.Linear(1, 1), torch.optim.SGD([torch.zeros(1)], lr=1)
        )


def test_a_loaded_model_saved_as_a_folder_is_the_same_model(tmp_path, tiny_clip):
    clip = load_clip(str(tiny_clip), "cpu")
    save_clip(clip, tmp_path)
    assert is_same(load_clip(str(tmp_path), "cpu"), clip)


def test_a_name_that_cannot_be_had_is_refused_before_training(tmp_path):
    with pytest.raises(EncoderError, match="did you mean ViT-B-32"):
        start(tmp_path / "run", Recipe(init="ViT-B-33/openai"), [])
    with pytest.raises(EncoderError, match="no-such"):
        framing(Recipe(init="hf-hub:nobody/no-such"))
