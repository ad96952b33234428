"""Photos brought to a model's input size and framing, still as uint8."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from vlclip.engine.encoding.clip import load_clip
from vlclip.engine.encoding.model_files import CONFIG
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.recipe import Recipe
from vlclip.engine.training.run import source_folder

Frame = Callable[[Image.Image], NDArray[np.uint8]]


def framing(recipe: Recipe) -> tuple[tuple[int, int], Frame]:
    """`(height, width)` and a function from an RGB photo to `(height, width, 3)` uint8.

    It is open_clip's own inference preprocessing without the normalisation.
    """
    model, preprocess = _configs(recipe)
    try:
        size = preprocess["size"] if "size" in preprocess else model["vision_cfg"]["image_size"]
        height, width = (size, size) if isinstance(size, int) else size
        shape = {name: value for name, value in preprocess.items() if name not in ("mean", "std")}
        plain = PreprocessCfg(**{**shape, "size": (height, width), "mean": (0.0,) * 3, "std": (1.0,) * 3})
        transform = image_transform_v2(plain, is_train=False)
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"the recipe's model or preprocess is not open_clip's: {error}") from None

    def frame(photo: Image.Image) -> NDArray[np.uint8]:
        pixels = transform(photo).mul(255).round().byte()
        return np.asarray(pixels.permute(1, 2, 0).numpy())

    return (int(height), int(width)), frame


def _configs(recipe: Recipe) -> tuple[dict[str, Any], dict[str, Any]]:
    if recipe.model is not None:
        return recipe.model, recipe.preprocess
    name = str(recipe.init)
    folder = source_folder(name)
    if folder is None:
        return {}, dict(load_clip(name, "cpu").model.visual.preprocess_cfg)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return config["model_cfg"], config.get("preprocess_cfg", {})
