"""Training learns, goes on where it stopped, and refuses what cannot work."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.engine.training.colours import COLOURS, figures, pairs, recipe, trained
from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.contrastive import learning_rate, train
from vlclip.engine.training.curve import draw_curve
from vlclip.engine.training.run import TrainingRun, export, start


def test_the_rate_warms_up_and_falls_to_nothing():
    plan = recipe(warmup_steps=10, lr=1.0)
    rates = [learning_rate(step, 100, plan) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0)


@pytest.mark.parametrize("changes", [{}, {"hard": 0.5, "cache_chunk": 8}])
def test_training_learns_colours_and_leaves_a_model_that_loads(tmp_path, changes):
    run = trained(tmp_path / "run", recipe(epochs=12, **changes))
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

    plan = recipe(epochs=3, hard=0.5)
    whole = trained(tmp_path / "whole", plan)
    data = pairs()
    start(tmp_path / "cut", plan, [item["title"] for item in data.fields])

    def stop(progress):
        if progress.get("epoch") == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train(TrainingRun(tmp_path / "cut", plan), data, stop)
    resumed = TrainingRun(tmp_path / "cut", plan)
    train(resumed, data)
    for resumed_figure, whole_figure in zip(figures(resumed), figures(whole), strict=True):
        assert resumed_figure == pytest.approx(whole_figure, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 500}, "fewer than the 500 of one batch"),
        ({"same": ("parent_sku",)}, "'parent_sku', which no item has; there are colour, product_type"),
    ],
)
def test_what_cannot_be_trained_is_refused(tmp_path, changes, message):
    plan = recipe(**changes)
    start(tmp_path, plan, ["red thing"])
    with pytest.raises(TrainingError, match=message):
        train(TrainingRun(tmp_path, plan), pairs())


def test_hard_batches_need_product_types(tmp_path):
    plan, data = recipe(hard=0.5), pairs()
    for item in data.fields:
        del item["product_type"]
    start(tmp_path, plan, ["red thing"])
    with pytest.raises(TrainingError, match="product_type="):
        train(TrainingRun(tmp_path, plan), data)
