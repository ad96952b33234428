"""A catalogue of coloured squares and a model small enough to learn it in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vlclip.engine.training.contrastive import train
from vlclip.engine.training.pairs import Pairs
from vlclip.engine.training.recipe import Augment, Recipe
from vlclip.engine.training.run import TrainingRun, start

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
    words = [
        {"title": f"{name} thing", "colour": name, "product_type": "warm" if name == "red" else "cool"}
        for name in names
    ]
    return Pairs([f"p{n}" for n in range(count)], photos.clip(0, 255).astype(np.uint8), words)


def trained(folder: Path, plan: Recipe) -> TrainingRun:
    data = pairs()
    start(folder, plan, [item["title"] for item in data.fields])
    run = TrainingRun(folder, plan)
    train(run, data)
    return run


def figures(run: TrainingRun) -> list[dict[str, float]]:
    """The history without what the clock has put there."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history]
