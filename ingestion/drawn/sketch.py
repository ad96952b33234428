"""A sketch is a plan of strokes in units of its own; fitting it into a photo comes later.

Law (tested in tests/ingestion/test_drawn.py): a sketch stays inside the frame it is fitted to, at
any angle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from vlclip.ingestion.drawn.dice import Dice

RGB = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
Fill = RGB | Literal["surface", "ink"]

WHITE: RGB = (246, 246, 244)
DARK: RGB = (44, 42, 44)
GOLD: RGB = (205, 168, 84)
STEEL: RGB = (168, 172, 178)
OAK: RGB = (176, 128, 82)
WALNUT: RGB = (104, 70, 46)


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

    def line(self, points: Iterable[Point], width: float, fill: Fill = "ink", *, shade: float = 1.0) -> None:
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
    points = []
    for step in range(steps + 1):
        t = step / steps
        p, q, r = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
        points.append((p * a[0] + q * pull[0] + r * b[0], p * a[1] + q * pull[1] + r * b[1]))
    return points


def mirrored(*right: Point) -> list[Point]:
    """An outline from its right half, given top to bottom; the axis is x = 0."""
    return [*right, *((-x, y) for x, y in reversed(right))]


def dial(s: Sketch, d: Dice, radius: float, colour: RGB) -> None:
    """The marks of twelve hours and two hands, about the origin."""
    for hour in range(12):
        turn = math.radians(30 * hour)
        x, y = math.cos(turn), math.sin(turn)
        s.line([(x * radius * 0.78, y * radius * 0.78), (x * radius * 0.9, y * radius * 0.9)], 0.018, colour)
    for reach, width in ((0.5, 0.035), (0.72, 0.022)):
        turn = d.between(0, 2 * math.pi)
        s.line([(0, 0), (math.cos(turn) * radius * reach, math.sin(turn) * radius * reach)], width, colour)


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
