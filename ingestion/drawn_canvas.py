"""Strokes on paper: a sketch is planned in its own units, then fitted, patterned and lit.

Laws (tested in tests/ingestion/test_drawn.py):
- a sketch drawn into a frame stays inside it, at any angle;
- equal dice give equal pixels: only the raw PCG64 stream is used, which NumPy promises to keep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
from PIL import Image, ImageDraw

from engine.space import Floats

OVERSAMPLING = 3
"""Everything is drawn this many times larger, then averaged down: that smooths the edges."""

T = TypeVar("T")
RGB = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
Fill = RGB | Literal["surface", "ink"]


class Dice:
    """Random choices that depend on the given whole numbers alone, on every machine."""

    def __init__(self, *seeds: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(seeds))

    def unit(self) -> float:
        """A number from 0 up to, not including, 1."""
        return float(int(self._bits.random_raw()) >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return low + (high - low) * self.unit()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.unit() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely as the others."""
        return options[int(self.unit() * len(options))]

    def shuffled(self, options: Iterable[T]) -> list[T]:
        """The options in random order."""
        drawn = [(self.unit(), option) for option in options]
        return [option for _, option in sorted(drawn, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class Stroke:
    """One mark: a filled outline, or a line where `width` is over 0. Units are the sketch's own."""

    points: tuple[Point, ...]
    fill: Fill = "surface"
    shade: float = 1.0
    width: float = 0.0


class Sketch:
    """A plan of strokes, back to front.

    `surface` is the product's own colour, pattern and material; `ink` its darker line colour.
    """

    def __init__(self) -> None:
        self.strokes: list[Stroke] = []

    def fill(self, points: Iterable[Point], fill: Fill = "surface", *, shade: float = 1.0) -> None:
        """A filled outline; `shade` under 1 darkens."""
        self.strokes.append(Stroke(tuple(points), fill, shade))

    def line(
        self, points: Iterable[Point], width: float, fill: Fill = "ink", *, shade: float = 1.0
    ) -> None:
        """A line through the points."""
        self.strokes.append(Stroke(tuple(points), fill, shade, width))


def rectangle(x0: float, y0: float, x1: float, y1: float, *, corner: float = 0.0) -> list[Point]:
    """A rectangle's outline, with round corners of that radius."""
    if not corner:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    return [
        *oval(x1 - corner, y0 + corner, corner, corner, start=-90, end=0, steps=5),
        *oval(x1 - corner, y1 - corner, corner, corner, start=0, end=90, steps=5),
        *oval(x0 + corner, y1 - corner, corner, corner, start=90, end=180, steps=5),
        *oval(x0 + corner, y0 + corner, corner, corner, start=180, end=270, steps=5),
    ]


def oval(
    x: float, y: float, rx: float, ry: float, *, start: float = 0, end: float = 360, steps: int = 28
) -> list[Point]:
    """An ellipse or a part of it, in degrees, clockwise from the right."""
    turns = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


def curve(a: Point, pull: Point, b: Point, *, steps: int = 10) -> list[Point]:
    """A quadratic Bézier curve from `a` to `b`, drawn towards `pull`."""
    out = []
    for step in range(steps + 1):
        t = step / steps
        p, q, r = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
        out.append((p * a[0] + q * pull[0] + r * b[0], p * a[1] + q * pull[1] + r * b[1]))
    return out


def mirrored(*right: Point) -> list[Point]:
    """An outline from its right half, given top to bottom; the axis is x = 0."""
    return [*right, *((-x, y) for x, y in reversed(right))]


@dataclass(frozen=True, slots=True)
class Surface:
    """What a product is covered with; `period` is the pattern's repeat as a share of its width."""

    colour: RGB
    pattern: str = "plain"
    accent: RGB = (255, 255, 255)
    period: float = 0.15
    upright: bool = False

    @property
    def ink(self) -> RGB:
        """The line colour that shows on the main colour."""
        return shaded(self.colour, 0.62) if sum(self.colour) > 200 else lightened(self.colour, 70)


def shaded(colour: RGB, factor: float) -> RGB:
    """The colour times a factor, kept in range."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue


def lightened(colour: RGB, amount: int) -> RGB:
    """The colour plus an amount, kept in range."""
    red, green, blue = (min(255, part + amount) for part in colour)
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Placement:
    """From sketch units to pixels: turn, scale, shift."""

    cos: float
    sin: float
    scale: float
    shift: Point

    def __call__(self, points: Iterable[Point]) -> list[Point]:
        """The points in pixels."""
        c, s, k, (dx, dy) = self.cos, self.sin, self.scale, self.shift
        return [((x * c - y * s) * k + dx, (x * s + y * c) * k + dy) for x, y in points]


def fit(sketch: Sketch, frame: Box, angle: float) -> Placement:
    """The sketch turned by `angle` degrees and centred in the frame, as large as fits."""
    turn = Placement(math.cos(math.radians(angle)), math.sin(math.radians(angle)), 1.0, (0.0, 0.0))
    left = top = math.inf
    right = bottom = -math.inf
    for stroke in sketch.strokes:
        margin = stroke.width / 2
        for x, y in turn(stroke.points):
            left, right = min(left, x - margin), max(right, x + margin)
            top, bottom = min(top, y - margin), max(bottom, y + margin)
    x0, y0, x1, y1 = frame
    scale = min((x1 - x0) / (right - left), (y1 - y0) / (bottom - top))
    shift = (
        (x0 + x1) / 2 - scale * (left + right) / 2,
        (y0 + y1) / 2 - scale * (top + bottom) / 2,
    )
    return Placement(turn.cos, turn.sin, scale, shift)


def draw(
    sketch: Sketch,
    surface: Surface,
    photo: Image.Image,
    frame: Box,
    *,
    angle: float = 0.0,
) -> Image.Image:
    """Draw the sketch onto the photo inside the frame (pixels); the mask of what it covers.

    The mask is 255 where the surface shows, 1 where something else of the product does, 0 elsewhere.
    """
    place = fit(sketch, frame, angle)
    mask = Image.new("L", photo.size, 0)
    pens = ImageDraw.Draw(photo), ImageDraw.Draw(mask)
    cover = covering(surface, photo.size, frame, place)
    edge = max(2, round(min(photo.size) * 0.006))
    for stroke in sketch.strokes:
        points, width = place(stroke.points), round(stroke.width * place.scale)
        if isinstance(stroke.fill, str) and stroke.fill == "surface":
            if cover is None:
                _mark(pens[0], points, width, shaded(surface.colour, stroke.shade))
            else:
                _lay(photo, cover, points, width, stroke.shade)
            _mark(pens[1], points, width, 255)
            if not width:
                pens[0].line([*points, points[0]], surface.ink, edge)
                pens[1].line([*points, points[0]], 128, edge)
        else:
            colour = surface.ink if stroke.fill == "ink" else stroke.fill
            _mark(pens[0], points, max(width, edge if stroke.width else 0), colour)
            _mark(pens[1], points, max(width, edge if stroke.width else 0), 1)
    return mask


def _mark(pen: ImageDraw.ImageDraw, points: list[Point], width: int, colour: RGB | int | str) -> None:
    if width:
        pen.line(points, colour, width, joint="curve" if width > 4 else None)
    else:
        pen.polygon(points, colour)


def _lay(photo: Image.Image, cover: Image.Image, points: list[Point], width: int, shade: float) -> None:
    """Paste the patterned cover through the stroke's outline."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    margin = width / 2 + 1
    x0, y0 = max(0, int(min(xs) - margin)), max(0, int(min(ys) - margin))
    x1 = min(photo.width, int(max(xs) + margin) + 1)
    y1 = min(photo.height, int(max(ys) + margin) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    stencil = Image.new("L", (x1 - x0, y1 - y0), 0)
    _mark(ImageDraw.Draw(stencil), [(x - x0, y - y0) for x, y in points], width, 255)
    piece = cover.crop((x0, y0, x1, y1))
    photo.paste(piece if shade == 1.0 else piece.point(_shade_table(shade)), (x0, y0), stencil)


@lru_cache(maxsize=64)
def _shade_table(shade: float) -> list[int]:
    return [min(255, round(value * shade)) for value in range(256)] * 3


def covering(
    surface: Surface, size: tuple[int, int], frame: Box, place: Placement
) -> Image.Image | None:
    """The pattern over the frame, turned with the product; None where the surface is plain."""
    if surface.pattern == "plain":
        return None
    cover = Image.new("RGB", size, surface.colour)
    x0, y0, x1, y1 = frame
    middle, reach = ((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0) * 0.6
    step = max(surface.period * min(x1 - x0, y1 - y0), 6.0 * OVERSAMPLING)
    grid = Placement(place.cos, place.sin, step, middle)
    PATTERNS[surface.pattern](ImageDraw.Draw(cover), surface, grid, int(reach / step) + 1)
    return cover


def _stripes(pen: ImageDraw.ImageDraw, surface: Surface, grid: Placement, reach: int) -> None:
    for row in range(-reach, reach + 1):
        band = rectangle(-reach - 1, row - 0.2, reach + 1, row + 0.2)
        pen.polygon(grid([(y, x) for x, y in band] if surface.upright else band), surface.accent)


def _checks(pen: ImageDraw.ImageDraw, surface: Surface, grid: Placement, reach: int) -> None:
    red, green, blue = ((a + b) // 2 for a, b in zip(surface.colour, surface.accent, strict=True))
    for row in range(-reach, reach + 1):
        band = rectangle(-reach - 1, row - 0.22, reach + 1, row + 0.22)
        pen.polygon(grid(band), (red, green, blue))
        pen.polygon(grid([(y, x) for x, y in band]), (red, green, blue))
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            square = rectangle(column - 0.22, row - 0.22, column + 0.22, row + 0.22)
            pen.polygon(grid(square), surface.accent)


def _dots(pen: ImageDraw.ImageDraw, surface: Surface, grid: Placement, reach: int) -> None:
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            _blob(pen, grid, (column + 0.5 * (row % 2), row), 0.27, surface.accent)


def _zigzag(pen: ImageDraw.ImageDraw, surface: Surface, grid: Placement, reach: int) -> None:
    for row in range(-reach - 1, reach + 2):
        points = [(half / 2, row + 0.28 * (half % 2)) for half in range(-2 * reach - 2, 2 * reach + 3)]
        pen.line(grid(points), surface.accent, max(2, round(0.28 * grid.scale)))


def _flowers(pen: ImageDraw.ImageDraw, surface: Surface, grid: Placement, reach: int) -> None:
    heart = (244, 190, 60) if surface.colour[2] < 120 or sum(surface.colour) > 600 else (120, 70, 30)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            x, y = 1.3 * (column + 0.5 * (row % 2)), 1.1 * row
            for petal in range(5):
                turn = math.radians(72 * petal + 17 * (row + column))
                petal_at = (x + 0.26 * math.cos(turn), y + 0.26 * math.sin(turn))
                _blob(pen, grid, petal_at, 0.2, surface.accent)
            _blob(pen, grid, (x, y), 0.15, heart)


def _blob(pen: ImageDraw.ImageDraw, grid: Placement, at: Point, radius: float, colour: RGB) -> None:
    (px, py), reach = grid([at])[0], radius * grid.scale
    pen.ellipse((px - reach, py - reach, px + reach, py + reach), colour)


PATTERNS: dict[str, Callable[[ImageDraw.ImageDraw, Surface, Placement, int], None]] = {
    "striped": _stripes,
    "checked": _checks,
    "dotted": _dots,
    "zigzag": _zigzag,
    "floral": _flowers,
}
"""Every pattern but plain."""
PATTERN_NAMES = ("plain", *PATTERNS)


@dataclass(frozen=True, slots=True)
class Look:
    """How a material takes the light: grain (name, strength), sheen strength and width."""

    grain: str = "fine"
    strength: float = 0.0
    sheen: float = 0.0
    width: float = 0.2


MATERIALS: dict[str, Look] = {
    "cotton": Look("fine", 0.05),
    "linen": Look("weave", 0.10),
    "wool": Look("knit", 0.22),
    "denim": Look("twill", 0.20),
    "silk": Look("fine", 0.0, 0.22, 0.30),
    "velvet": Look("coarse", 0.10, 0.10, 0.45),
    "canvas": Look("weave", 0.14),
    "leather": Look("coarse", 0.10, 0.25, 0.12),
    "suede": Look("coarse", 0.16),
    "straw": Look("knit", 0.30),
    "nylon": Look("fine", 0.03, 0.12, 0.22),
    "ceramic": Look("fine", 0.0, 0.35, 0.07),
    "glass": Look("fine", 0.0, 0.5, 0.10),
    "metal": Look("brushed", 0.10, 0.4, 0.16),
    "plastic": Look("fine", 0.0, 0.15, 0.15),
    "wood": Look("rings", 0.15),
}


def light(photo: Image.Image, mask: Image.Image, material: str) -> Image.Image:
    """The photo with the material's grain and sheen where the mask says, under light from the left."""
    found = mask.getbbox()
    if found is None:
        return photo
    x0, y0, x1, y1 = found
    look = MATERIALS[material]
    across = np.linspace(0, 1, x1 - x0, dtype=np.float32)[None, :]
    down = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None]
    cover = np.asarray(mask.crop(found), np.float32) / 255
    tile = grain(look.grain, photo.size)[: y1 - y0, : x1 - x0]
    factor = 1 + cover * (look.strength * tile + 0.05 - 0.10 * across)
    gloss = np.maximum(0, 1 - np.square((across + 0.25 * down - 0.40) / look.width)) * look.sheen * cover
    pixels = np.asarray(photo.crop(found), np.float32) * factor[..., None]
    pixels += (255 - pixels) * gloss[..., None]
    lit = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
    photo.paste(lit, (x0, y0))
    return photo


@lru_cache(maxsize=32)
def grain(name: str, size: tuple[int, int]) -> Floats:
    """A grain tile of that size, about -1 to 1, `(h, w)` float32."""
    width, height = size
    bits = np.random.PCG64(np.random.SeedSequence((41, len(name)))).random_raw(width * height)
    noise = ((bits >> 40).astype(np.float32) / 2**23 - 1).reshape(height, width)
    y, x = np.mgrid[:height, :width]
    if name == "coarse":
        tile = sum(np.roll(noise, (dy, dx), (0, 1)) for dy in range(3) for dx in range(3)) / 4
    elif name == "weave":
        tile = np.where((x // 2 + y // 2) % 2, 0.5, -0.5) + 0.5 * noise
    elif name == "knit":
        tile = np.where((y + np.abs(x % 6 - 3)) % 4 < 2, 0.6, -0.6) + 0.3 * noise
    elif name == "twill":
        tile = np.where((x + y) % 4 < 2, 0.5, -0.5) + 0.5 * noise
    elif name == "brushed":
        tile = np.broadcast_to(noise[:, :1], noise.shape) + 0.2 * noise
    elif name == "rings":
        bend = (x + np.abs(y % 60 - 30) // 5) // 2 % width
        tile = noise[0][bend] * 0.7 + 0.3 * noise
    else:
        tile = noise
    return np.asarray(tile, np.float32)
