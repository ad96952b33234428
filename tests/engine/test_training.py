"""Training: the loss by hand, batches that are the same in every run, runs that go on where they stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn import functional

from engine.clip import load_clip, save_clip
from engine.errors import EncoderError, TrainingError
from engine.training.contrastive import Run, export, learning_rate, start, train
from engine.training.curve import draw_curve
from engine.training.framing import framing
from engine.training.loss import contrastive_loss, shared_labels
from engine.training.pairs import Pairs, augment_photos, batch_texts, is_validation, split, write_text
from engine.training.recipe import Augment, Recipe, TextTemplate, read_recipe
from engine.training.retrieval import text_to_image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220), "white": (240, 240, 240)}
STILL = Augment(flip=0, zoom=0, shift=0, rotate=0, light=0, erase=0, word_dropout=0)


def recipe(**changes) -> Recipe:
    model = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": [16, 12], "layers": 1, "width": 16, "head_width": 8, "patch_size": 4},
        "text_cfg": {"context_length": 16, "vocab_size": 1, "width": 16, "heads": 2, "layers": 1},
    }
    preprocess = {
        "size": [16, 12],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "resize_mode": "longest",
        "fill_color": 255,
    }
    base = {
        "model": model, "preprocess": preprocess, "vocab_size": 300, "epochs": 2, "batch": 16, "lr": 3e-3,
        "warmup_steps": 2, "augment": STILL, "validation_share": 0.2,
    }  # fmt: skip
    return Recipe(**(base | changes))


def pairs(count: int = 80) -> Pairs:
    rng = np.random.default_rng(0)
    names = [list(COLOURS)[n % 4] for n in range(count)]
    photos = np.stack([np.full((16, 12, 3), COLOURS[name]) for name in names]) + rng.integers(
        -15, 15, (count, 16, 12, 3)
    )
    words = [{"title": f"{name} thing", "colour": name} for name in names]
    return Pairs([f"p{n}" for n in range(count)], photos.clip(0, 255).astype(np.uint8), words)


def trained(folder: Path, plan: Recipe) -> Run:
    made = pairs()
    start(folder, plan, [item["title"] for item in made.fields])
    run = Run(folder, plan)
    train(run, made)
    return run


def test_distinct_texts_make_the_ordinary_clip_loss():
    torch.manual_seed(0)
    images, texts = (functional.normalize(torch.randn(5, 8), dim=-1) for _ in range(2))
    scale = torch.tensor(10.0)
    plain = open_clip.ClipLoss()(images, texts, scale)
    targets = shared_labels(["a", "b", "c", "d", "e"])
    torch.testing.assert_close(targets, torch.eye(5))
    torch.testing.assert_close(contrastive_loss(images, texts, scale, targets), plain)


def test_equal_texts_share_the_label():
    # items 0 and 2 say the same: each of their rows spreads its mass over both
    expected = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    torch.testing.assert_close(shared_labels(["shoe", "hat", "shoe"]), expected)


def test_a_duplicate_is_not_punished_as_a_negative():
    images = texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    same = contrastive_loss(images, texts, torch.tensor(100.0), shared_labels(["a", "a"]))
    torch.testing.assert_close(
        same, torch.tensor(2.0).log()
    )  # the least any scores can reach: two equal answers


def test_figures_by_hand():
    # rows are queries: 0 finds itself first, 1 finds itself second (after 2), 2 finds itself last
    texts = np.eye(3, dtype=np.float32)
    images = np.array([[0.9, 0.1, 0.3], [0.0, 0.5, 0.2], [0.1, 0.7, 0.1]], np.float32)
    # scores = texts @ images.T: row 0: .9 .0 .1; row 1: .1 .5 .7; row 2: .3 .2 .1
    figures = text_to_image(texts, images, ["a", "b", "c"])
    assert figures["n"] == 3
    assert figures["hits@1"] == pytest.approx(1 / 3)
    assert figures["hits@5"] == 1
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    # with items 1 and 2 of one title, query 1 counts item 2 as found, and query 2 finds item 1 second
    aware = text_to_image(texts, images, ["a", "b", "B"])
    assert aware["mrr"] == figures["mrr"]
    assert aware["mrr_dup"] == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_the_held_out_items_depend_on_their_ids_alone():
    made = pairs(200)
    training, held = split(made, 0.2)
    assert not set(training.ids) & set(held.ids)
    assert len(training) + len(held) == 200
    assert set(held.ids) == {f"p{n}" for n in range(200) if is_validation(f"p{n}", 0.2)}
    assert 20 <= len(held) <= 60
    assert len(split(made, 0)[1]) == 0


def test_templates_leave_out_what_an_item_does_not_have():
    assert write_text("{colour} {size} {title}", {"title": "hat", "colour": "red"}) == "red hat"


def test_a_batch_is_written_by_one_template_and_knows_what_is_equal():
    plan = recipe(texts=(TextTemplate(template="{colour}", share=1),), augment=Augment(word_dropout=0.5))
    texts, labels = batch_texts(pairs(8).fields, plan, np.random.default_rng(0))
    assert labels == ["red", "green", "blue", "white"] * 2
    assert texts == labels  # two words or fewer are never thinned out


def test_dropping_words_leaves_the_label_whole():
    plan = recipe(augment=Augment(word_dropout=0.5))
    texts, labels = batch_texts([{"title": "a b c d e f g h"}] * 20, plan, np.random.default_rng(0))
    assert set(labels) == {"a b c d e f g h"}
    assert all(set(text.split()) <= set("abcdefgh") and text for text in texts)
    assert len(set(texts)) > 5


def test_augmentation_off_changes_nothing_and_on_stays_in_range():
    torch.manual_seed(0)
    photos = torch.rand(4, 3, 16, 12)
    still = augment_photos(photos, STILL, torch.Generator().manual_seed(0))
    torch.testing.assert_close(still, photos, atol=1e-4, rtol=0)
    wild = Augment(flip=0.5, zoom=0.3, shift=0.2, rotate=30, light=0.5, erase=1)
    moved = augment_photos(photos, wild, torch.Generator().manual_seed(0))
    assert moved.shape == photos.shape
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not torch.allclose(moved, photos)


def test_mirroring_mirrors():
    photos = torch.rand(2, 3, 16, 12)
    flipped = augment_photos(photos, STILL.model_copy(update={"flip": 1.0}), torch.Generator())
    torch.testing.assert_close(flipped, photos.flip(-1), atol=1e-4, rtol=0)


def test_the_rate_warms_up_and_falls_to_nothing():
    plan = recipe(warmup_steps=10, lr=1.0)
    rates = [learning_rate(step, 100, plan) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0)


def test_training_learns_colours_and_leaves_a_model_that_loads(tmp_path):
    run = trained(tmp_path / "run", recipe(epochs=12))
    assert run.history[-1]["loss"] < 0.8 * run.history[0]["loss"]
    assert run.history[-1]["mrr_dup"] > 0.8
    export(tmp_path / "run", tmp_path / "model")
    clip = load_clip(str(tmp_path / "model"), "cpu")
    photos = [Image.new("RGB", (12, 16), colour) for colour in COLOURS.values()]
    words = clip.encode_texts([f"{name} thing" for name in COLOURS])
    assert (words @ clip.encode_images(photos).T).argmax(axis=1).tolist() == [0, 1, 2, 3]
    draw_curve(run.history, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as curve:
        assert curve.width > 300


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    class Stopped(Exception):
        pass

    whole = trained(tmp_path / "whole", recipe(epochs=3))
    made, plan = pairs(), recipe(epochs=3)
    start(tmp_path / "cut", plan, [item["title"] for item in made.fields])

    def stop(figures):
        if figures.get("epoch") == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train(Run(tmp_path / "cut", plan), made, stop)
    resumed = Run(tmp_path / "cut", plan)
    train(resumed, made)
    for one, other in zip(resumed.history, whole.history, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == pytest.approx(
            {k: v for k, v in other.items() if k != "seconds"}, rel=1e-4
        )


def test_gradients_add_up_to_the_steps_they_should(tmp_path):
    run = trained(tmp_path / "run", recipe(epochs=1, batch=8, accumulate=4))
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=False)
    training, _ = split(pairs(), 0.2)
    assert state["step"] == len(training) // 32
    assert run.history[0]["epoch"] == 1


def test_fine_tuning_starts_from_a_folder(tmp_path, tiny_clip):
    plan = Recipe(init=str(tiny_clip), epochs=1, batch=16, lr=1e-4, warmup_steps=1, validation_share=0.2)
    (height, width), frame = framing(plan)
    assert (height, width) == (40, 30)
    photos = np.stack([frame(Image.fromarray(photo)) for photo in pairs().photos])
    made = Pairs(pairs().ids, photos, pairs().fields)
    start(tmp_path / "run", plan, [])
    before = load_clip(str(tiny_clip), "cpu")
    run = Run(tmp_path / "run", plan)
    train(run, made)
    export(tmp_path / "run", tmp_path / "tuned", half=False)
    after = load_clip(str(tmp_path / "tuned"), "cpu")
    cosine = float((before.encode_texts(["red thing"]) @ after.encode_texts(["red thing"]).T)[0, 0])
    assert 0.5 < cosine < 0.99999


def test_a_run_of_another_recipe_is_not_continued(tmp_path):
    start(tmp_path, recipe(), ["red thing"])
    with pytest.raises(TrainingError, match="another recipe"):
        start(tmp_path, recipe(epochs=9), ["red thing"])


def test_too_few_pairs_are_refused(tmp_path):
    plan = recipe(batch=500)
    start(tmp_path, plan, ["red thing"])
    with pytest.raises(TrainingError, match="fewer than the 500 of one step"):
        train(Run(tmp_path, plan), pairs())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ('{"epochs": 0, "init": "x"}', "epochs"),
        ('{"epoch": 3, "init": "x"}', "epoch"),
        ("{}", "either `model`"),
        ('{"init": "x", "vocab_size": 5}', "vocab_size"),
    ],
)
def test_a_wrong_recipe_is_refused_by_field(tmp_path, content, says):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(TrainingError, match=says):
        read_recipe(path)


def test_a_recipe_survives_the_way_through_json(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(recipe().model_dump_json())
    assert read_recipe(path) == recipe()
    assert json.loads(path.read_text())["batch"] == 16


def test_a_loaded_model_saved_as_a_folder_is_the_same_model(tmp_path, tiny_clip):
    clip = load_clip(str(tiny_clip), "cpu")
    save_clip(clip, tmp_path)
    again = load_clip(str(tmp_path), "cpu")
    photo = Image.new("RGB", (30, 40), "red")
    np.testing.assert_array_equal(again.encode_images([photo]), clip.encode_images([photo]))
    np.testing.assert_array_equal(again.encode_texts(["red hat"]), clip.encode_texts(["red hat"]))


def test_a_name_that_cannot_be_had_is_refused_before_training(tmp_path):
    with pytest.raises(EncoderError, match="did you mean ViT-B-32"):
        start(tmp_path / "run", Recipe(init="ViT-B-33/openai"), [])
    with pytest.raises(EncoderError, match="no-such"):
        framing(Recipe(init="hf-hub:nobody/no-such"))
