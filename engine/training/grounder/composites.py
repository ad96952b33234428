"""Cluttered scenes with known boxes, made from a shop's own packshots.

A product is cut from its plain background and set among others on a busy one. A grounder learns from such
scenes, and they show whether grounding helps.

Laws (tested in tests/engine/training/grounder/test_composites.py):
- a box holds its product's pixels and touches them on all four sides;
- products of one scene overlap by no more than `MAX_OVERLAP` of the smaller;
- the same generator state gives the same scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

Pixels = NDArray[np.uint8]

MAX_OVERLAP = 0.12
"""Share of the smaller of two boxes that the other may cover."""
PLAIN = 18
"""How far, in grey levels, a pixel may lie from the background and still belong to it."""
TRIES = 30


@dataclass(frozen=True, slots=True)
class Scene:
    """`photo` `(height, width, 3)` uint8; `boxes` `(n, 4)` x0 y0 x1 y1 in pixels, one per product."""

    photo: Pixels
    boxes: NDArray[np.float32]


def cut_out(photo: Pixels) -> Pixels | None:
    """The product of a packshot `(h, w, 3)` as RGBA, trimmed to its bounds; None if it has none.

    The background is connected to the border and close to the border's own colour. A photo whose border has
    several colours, or of which nearly all or nearly nothing would remain, is refused.
    """
    rim = np.concatenate([photo[0], photo[-1], photo[:, 0], photo[:, -1]]).astype(np.int16)
    ground = np.median(rim, axis=0)
    if (np.abs(rim - ground).max(axis=1) > PLAIN).mean() > 0.35:
        return None
    near = np.abs(photo.astype(np.int16) - ground).max(axis=2) <= PLAIN
    regions, _ = ndimage.label(near)
    at_rim = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    product = ~np.isin(regions, at_rim[at_rim > 0])
    product = ndimage.binary_opening(product) | (product & ndimage.binary_dilation(product, iterations=1))
    pieces, count = ndimage.label(product)
    if count > 1:  # specks of compression noise are not the product
        sizes = ndimage.sum_labels(product, pieces, np.arange(1, count + 1))
        product &= np.isin(pieces, 1 + np.flatnonzero(sizes >= max(12.0, 0.02 * sizes.max())))
    share = product.mean()
    if not 0.04 <= share <= 0.97:
        return None
    alpha = ndimage.gaussian_filter(product.astype(np.float32), 0.6)
    alpha = np.clip(alpha * 2 - 0.6, 0, 1) * product
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if len(rows) < 8 or len(columns) < 8:
        return None
    return np.dstack([photo, (alpha * 255).astype(np.uint8)])[window]


def backdrop(size: int, rng: np.random.Generator, textures: Sequence[Pixels] = ()) -> Image.Image:
    """A busy background: cloth and wall patterns, coloured noise, shapes, blown-up parts of photos."""
    kind = rng.random()
    if kind < 0.3 and textures:
        picture = _blown_up(textures[int(rng.integers(len(textures)))], size, rng)
    elif kind < 0.6:
        picture = _noise(size, rng)
    else:
        picture = _pattern(size, rng)
    if rng.random() < 0.6:
        _scatter(picture, rng)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 2.0))))
    return picture


def compose(
    cutouts: Sequence[Pixels], background: Image.Image, extents: Iterable[float], rng: np.random.Generator
) -> Scene:
    """The products pasted on the background, the first one on top; `extents` are longer sides in pixels.

    A product that finds no room is made smaller until it does.
    """
    scene = background.copy()
    boxes: list[tuple[int, int, int, int]] = []
    pasted: list[Image.Image] = []
    for cut, extent in zip(cutouts, extents, strict=True):
        picture, box = _place(cut, extent, scene.size, boxes, rng)
        pasted.append(picture)
        boxes.append(box)
    for picture, box in reversed(list(zip(pasted, boxes, strict=True))):
        scene.paste(picture, box[:2], picture)
    return Scene(np.asarray(scene), np.array(boxes, dtype=np.float32).reshape(-1, 4))


def _place(
    cut: Pixels,
    extent: float,
    size: tuple[int, int],
    placed: list[tuple[int, int, int, int]],
    rng: np.random.Generator,
) -> tuple[Image.Image, tuple[int, int, int, int]]:
    picture = Image.fromarray(cut)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    longer = max(picture.size)
    while True:
        wide, tall = (
            max(6, min(round(side * extent / longer), most))
            for side, most in zip(picture.size, size, strict=True)
        )
        best, least = (0, 0, wide, tall), np.inf
        for _ in range(TRIES):
            x, y = int(rng.integers(size[0] - wide + 1)), int(rng.integers(size[1] - tall + 1))
            box = (x, y, x + wide, y + tall)
            worst = max((_overlap(box, other) for other in placed), default=0.0)
            if worst < least:
                best, least = box, worst
            if least == 0:
                break
        if least <= MAX_OVERLAP or extent <= 8:
            return picture.resize((wide, tall), Image.Resampling.BILINEAR), best
        extent *= 0.85


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return wide * tall / smaller


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(20, 245, 3))
    return red, green, blue


def _blown_up(photo: Pixels, size: int, rng: np.random.Generator) -> Image.Image:
    height, width = photo.shape[:2]
    side = int(rng.integers(min(height, width) // 3, min(height, width) + 1))
    x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    part = Image.fromarray(photo).crop((x, y, x + side, y + side))
    return part.resize((size, size), Image.Resampling.BICUBIC)


def _noise(size: int, rng: np.random.Generator) -> Image.Image:
    first, second = np.array(_colour(rng)), np.array(_colour(rng))
    field = np.zeros((size, size), dtype=np.float32)
    for octave in range(2, int(rng.integers(4, 8))):
        coarse = rng.random((2**octave, 2**octave), dtype=np.float32)
        grown = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
        field += np.asarray(grown) / octave
    field = (field - field.min()) / max(float(np.ptp(field)), 1e-6)
    mixed = first + field[..., None] * (second - first)
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _pattern(size: int, rng: np.random.Generator) -> Image.Image:
    first, second = np.array(_colour(rng)), np.array(_colour(rng))
    angle = float(rng.uniform(0, np.pi))
    ys, xs = np.mgrid[:size, :size]
    along = xs * np.cos(angle) + ys * np.sin(angle)
    across = ys * np.cos(angle) - xs * np.sin(angle)
    step = float(rng.uniform(size / 24, size / 3))
    kind = int(rng.integers(4))
    if kind == 0:  # stripes
        mask = (along // step) % 2
    elif kind == 1:  # checks
        mask = ((along // step) + (across // step)) % 2
    elif kind == 2:  # a slope of light
        mask = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
    else:  # waves
        mask = (np.sin(along / step * 3) + np.sin(across / step * 2)) / 4 + 0.5
    mixed = (
        first + mask[..., None] * (second - first) + rng.normal(0, float(rng.uniform(0, 12)), (size, size, 1))
    )
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _scatter(picture: Image.Image, rng: np.random.Generator) -> None:
    pen = ImageDraw.Draw(picture)
    size = picture.width
    for _ in range(int(rng.integers(2, 10))):
        x, y = (int(value) for value in rng.integers(-size // 8, size, 2))
        wide, tall = (int(value) for value in rng.integers(size // 16, size // 2, 2))
        kind = int(rng.integers(3))
        if kind == 0:
            pen.rectangle((x, y, x + wide, y + tall), fill=_colour(rng))
        elif kind == 1:
            pen.ellipse((x, y, x + wide, y + tall), fill=_colour(rng))
        else:
            thick = int(rng.integers(1, size // 20 + 2))
            pen.line((x, y, x + wide, y + tall), fill=_colour(rng), width=thick)
