"""open_clip's preprocessing of photos by Pillow and NumPy alone.

Laws (tests/engine/encoding/test_preprocessing.py):
- what it gives equals open_clip's own transform to the bit, for each of its ways to resize;
- a photo so thin that a side would round to nothing keeps one pixel of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from vlclip.engine.space import Floats

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""OpenAI's, of models whose configuration gives none."""
WAYS = ("shortest", "longest", "squash")
"""Which side is brought to size: what is over is cut off, what is missing is filled; `squash` does both."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a model's photos are resized and normalised."""

    height: int
    width: int
    way: str = "shortest"
    resample: Image.Resampling = Image.Resampling.BICUBIC
    fill: tuple[int, ...] = (0, 0, 0)
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Preprocessing:
        """That of open_clip's `preprocess_cfg`; ValueError for a way or a mode that is not known."""
        size = config["size"]
        height, width = (size, size) if isinstance(size, int) else size[-2:]
        way = config.get("resize_mode") or WAYS[0]
        interpolation = config.get("interpolation") or "bicubic"
        if way not in WAYS or interpolation not in ("bicubic", "bilinear", "random"):
            raise ValueError(f"photos are resized by {way} and {interpolation}, which is not known here")
        if config.get("mode", "RGB") != "RGB":
            raise ValueError(f"photos are read as {config['mode']}, not as RGB")
        # of the ways that crop, open_clip fills by black, and resizes to other shapes than squares by bicubic
        is_bilinear = interpolation == "bilinear" and not (way == "shortest" and height != width)
        return cls(
            int(height),
            int(width),
            way,
            Image.Resampling.BILINEAR if is_bilinear else Image.Resampling.BICUBIC,
            tuple(map(int, _channels(config.get("fill_color", 0) if way == "longest" else 0))),
            _channels(config.get("mean") or MEAN),
            _channels(config.get("std") or STD),
        )

    def __call__(self, photo: Image.Image) -> Floats:
        """One RGB photo as `(3, height, width)` float32."""
        fitted = self._fitted(photo).convert("RGB")
        pixels = np.asarray(fitted).transpose(2, 0, 1).astype(np.float32)
        pixels /= np.float32(255)
        pixels -= np.array(self.mean, dtype=np.float32)[:, None, None]
        pixels /= np.array(self.std, dtype=np.float32)[:, None, None]
        return pixels

    def _fitted(self, photo: Image.Image) -> Image.Image:
        if self.way == "squash":
            return self._resized(photo, self.width, self.height)
        if self.way == "shortest" and self.height == self.width:
            return self._cropped(self._short_side(photo))
        ratios = photo.height / self.height, photo.width / self.width
        ratio = max(ratios) if self.way == "longest" else min(ratios)
        return self._cropped(self._resized(photo, round(photo.width / ratio), round(photo.height / ratio)))

    def _short_side(self, photo: Image.Image) -> Image.Image:
        """The photo with its short side at size; the long one is rounded down, as torchvision does."""
        short, long = sorted(photo.size)
        other = int(self.height * long / short)
        wide = photo.width > photo.height
        return self._resized(photo, *((other, self.height) if wide else (self.width, other)))

    def _resized(self, photo: Image.Image, width: int, height: int) -> Image.Image:
        size = max(1, width), max(1, height)
        return photo if photo.size == size else photo.resize(size, self.resample)

    def _cropped(self, photo: Image.Image) -> Image.Image:
        """The middle of the photo; what is missing is filled on both sides."""
        across, down = max(0, self.width - photo.width), max(0, self.height - photo.height)
        if across or down:
            border = (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2)
            photo = ImageOps.expand(photo, border, self.fill)
        left, top = round((photo.width - self.width) / 2), round((photo.height - self.height) / 2)
        return photo.crop((left, top, left + self.width, top + self.height))


def _channels(value: float | Sequence[float]) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, int | float) else tuple(map(float, value))
