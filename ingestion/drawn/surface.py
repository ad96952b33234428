"""What a product is covered with: its colour and the pattern on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from vlclip.ingestion.drawn.sketch import RGB, Box, Placement, Point, rectangle

OVERSAMPLING = 3
"""Everything is drawn this many times larger, then averaged down: that smooths the edges."""


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


def covering(surface: Surface, size: tuple[int, int], frame: Box, place: Placement) -> Image.Image | None:
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
