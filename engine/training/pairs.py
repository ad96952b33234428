"""Photo-text pairs in memory, ready to be drawn as batches.

Photos are uint8 at the model's input size. Texts are the item's fields; one template writes the texts of a
batch from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlclip.engine.training.held_out import is_validation
from vlclip.engine.training.recipe import Augment, Recipe


@dataclass(frozen=True, slots=True)
class Pairs:
    """`photos` `(n, height, width, 3)` uint8; `fields[i]` the words of item i by field name.

    `hashes[i]` is the perceptual hash of photo i; it is empty where hashes were not needed.
    """

    ids: Sequence[str]
    photos: NDArray[np.uint8]
    fields: Sequence[Mapping[str, str]]
    hashes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, rows: NDArray[np.int64]) -> Pairs:
        """The pairs at these rows; photos are not copied when `rows` are all of them."""
        photos = self.photos if len(rows) == len(self) else self.photos[rows]
        hashes = [self.hashes[i] for i in rows] if self.hashes else ()
        return Pairs([self.ids[i] for i in rows], photos, [self.fields[i] for i in rows], hashes)


def split(pairs: Pairs, share: float) -> tuple[Pairs, Pairs]:
    """Training and validation pairs."""
    is_held_out = np.array([is_validation(item_id, share) for item_id in pairs.ids], dtype=bool)
    return pairs.subset(np.flatnonzero(~is_held_out)), pairs.subset(np.flatnonzero(is_held_out))


def write_text(template: str, fields: Mapping[str, str]) -> str:
    """The template filled with the item's fields; unknown ones are left out."""
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    filled = template.format_map({name: fields.get(name, "") for name in names})
    return " ".join(filled.split())


def batch_texts(
    fields: Sequence[Mapping[str, str]], recipe: Recipe, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Texts for one batch, and the same texts before words were dropped.

    One template serves the whole batch, so that equal descriptions are recognised as equal.
    """
    shares = np.array([text.share for text in recipe.texts])
    chosen = recipe.texts[rng.choice(len(shares), p=shares / shares.sum())].template
    whole = [write_text(chosen, item) or write_text("{title}", item) for item in fields]
    return [_drop_words(text, recipe.augment.word_dropout, rng) for text in whole], whole


def _drop_words(text: str, share: float, rng: np.random.Generator) -> str:
    words = text.split()
    if share == 0 or len(words) < 3:
        return text
    remaining = [word for word, draw in zip(words, rng.random(len(words)), strict=True) if draw >= share]
    return " ".join(remaining or words)


def augment_photos(
    photos: Tensor,
    augment: Augment,
    generator: torch.Generator,
    share: slice | None = None,
    batch: int = 0,
) -> Tensor:
    """Photos `(n, 3, h, w)` in [0, 1], moved, turned, mirrored, relit and partly erased.

    Photos that are a `share` of a batch of `batch` photos change as they would in the whole batch.
    """
    n, _, height, width = photos.shape
    device = photos.device

    def draw(low: float, high: float) -> Tensor:
        numbers = torch.rand(batch if share else n, generator=generator)
        return (numbers[share or slice(None)] * (high - low) + low).to(device)

    angle = torch.deg2rad(draw(-augment.rotate, augment.rotate))
    scale = 1 / draw(1 - augment.zoom, 1 + augment.zoom / 2)
    mirror = torch.where(draw(0, 1) < augment.flip, -1.0, 1.0)
    aspect = height / width
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin * aspect, draw(-2, 2) * augment.shift], dim=1),
            torch.stack([sin * mirror / aspect, cos, draw(-2, 2) * augment.shift], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, list(photos.shape), align_corners=False)
    moved = functional.grid_sample(photos, grid, padding_mode="border", align_corners=False)
    if augment.light:
        gain = draw(1 - augment.light, 1 + augment.light)[:, None, None, None]
        lift = draw(-augment.light / 2, augment.light / 2)[:, None, None, None]
        moved = moved * gain + lift
    if augment.erase:
        ys = torch.arange(height, device=device)[None, :, None]
        xs = torch.arange(width, device=device)[None, None, :]
        top, left = draw(0, height * 0.8), draw(0, width * 0.8)
        tall, wide = draw(0.1, 0.4) * height, draw(0.1, 0.4) * width
        inside = (
            (ys >= top[:, None, None]) & (ys < (top + tall)[:, None, None])
            & (xs >= left[:, None, None]) & (xs < (left + wide)[:, None, None])
            & (draw(0, 1) < augment.erase)[:, None, None]
        )  # fmt: skip
        moved = torch.where(inside[:, None], draw(0, 1)[:, None, None, None], moved)
    return moved.clamp(0, 1)
