"""transformers' preprocessing of photos for Grounding DINO, by Pillow and NumPy alone.

Laws (tests/engine/grounding/test_preprocessing.py):
- sizes and normalisation equal those of transformers' own image processor to the bit;
- so do the pixels, but for one of 255 steps in a few of a hundred: torchvision rounds the weights of its
  resize to fewer bits than Pillow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vlclip.engine.space import Floats

FILES = ("processor_config.json", "preprocessor_config.json")
"""Where transformers 5 and where older ones write how photos are prepared."""
Size = Mapping[str, int]
SIZE: Size = {"shortest_edge": 800, "longest_edge": 1333}
"""The published models'."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of processors whose configuration gives none."""
STEPS = ("do_resize", "do_rescale", "do_normalize")
"""What every processor is to do."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a model's photos are resized and normalised."""

    size: Size
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    resample: Image.Resampling = Image.Resampling.BILINEAR
    factor: float = 1 / 255

    @classmethod
    def of(cls, folder: Path, short_side: int | None = None) -> Preprocessing:
        """That of a folder in transformers' format, at `short_side` pixels if it is not None.

        ValueError for one that does something else with photos.
        """
        path = next((folder / name for name in FILES if (folder / name).is_file()), None)
        if path is None:
            raise ValueError(f"it holds none of {', '.join(FILES)}")
        config = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("image_processor", config)
        left_out = [step for step in STEPS if not config.get(step, True)]
        if left_out or "GroundingDino" not in config.get("image_processor_type", ""):
            raise ValueError(f"{path.name} prepares photos in another way than Grounding DINO's")
        size = with_short_side(config.get("size") or SIZE, short_side)
        if not ({"shortest_edge", "longest_edge"} <= size.keys() or {"height", "width"} <= size.keys()):
            raise ValueError(f"{path.name} gives photos the size {size}, which is not known here")
        return cls(
            size,
            tuple(config.get("image_mean") or MEAN),
            tuple(config.get("image_std") or STD),
            Image.Resampling(config.get("resample", Image.Resampling.BILINEAR)),
            config.get("rescale_factor", 1 / 255),
        )

    def __call__(self, photo: Image.Image) -> Floats:
        """One RGB photo as `(3, height, width)` float32."""
        size = self.fitted(*photo.size)
        resized = photo if photo.size == size else photo.resize(size, self.resample)
        pixels: Floats = np.asarray(resized.convert("RGB")).transpose(2, 0, 1).astype(np.float32)
        steps = np.float32(1 / self.factor)
        pixels -= (np.array(self.mean, dtype=np.float32) * steps)[:, None, None]
        pixels /= (np.array(self.std, dtype=np.float32) * steps)[:, None, None]
        return pixels

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a photo after the resize, rounded as transformers does."""
        if "height" in self.size:
            return self.size["width"], self.size["height"]
        short, long = sorted((width, height))
        exact: float = self.size["shortest_edge"]
        if long / short * exact > self.size["longest_edge"]:
            exact = self.size["longest_edge"] * short / long
        side = round(exact)
        if short == side:
            return width, height
        other = int(exact * long / short)
        return (side, other) if width < height else (other, side)


def is_prepared_here(folder: Path) -> bool:
    """Whether `Preprocessing` prepares the photos of a model, and not transformers' own processor."""
    try:
        Preprocessing.of(folder)
    except (OSError, ValueError, TypeError, AttributeError):
        return False
    return True


def with_short_side(size: Size, short_side: int | None) -> Size:
    """A processor's `size` scaled so that its short side is `short_side` pixels; None leaves it."""
    if short_side is None:
        return size
    sides = {key: value for key, value in size.items() if value}
    factor = short_side / min(sides.values())
    return {key: round(value * factor) for key, value in sides.items()}
