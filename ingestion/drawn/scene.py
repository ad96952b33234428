"""Where a drawn product is photographed: on white, or in a room among other things."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from vlclip.ingestion.drawn.canvas import draw
from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.drawn.kinds import KINDS
from vlclip.ingestion.drawn.light import light
from vlclip.ingestion.drawn.sketch import OAK, RGB, WALNUT, Box, Placement, Sketch, fit, rectangle
from vlclip.ingestion.drawn.surface import OVERSAMPLING, PATTERN_NAMES, Surface, covering, shaded

WALLS: tuple[RGB, ...] = (
    (214, 205, 190),
    (186, 200, 205),
    (201, 190, 205),
    (190, 204, 184),
    (226, 214, 170),
    (150, 160, 170),
    (205, 165, 150),
    (120, 130, 118),
    (232, 228, 222),
    (98, 104, 122),
)
THINGS: tuple[RGB, ...] = (
    (176, 58, 52),
    (58, 98, 160),
    (74, 134, 84),
    (222, 172, 60),
    (120, 80, 140),
    (70, 72, 80),
    (236, 232, 224),
    (196, 118, 66),
)
FLOORS: tuple[RGB, ...] = (OAK, WALNUT, (196, 188, 178), (150, 132, 112), (110, 112, 118))


@dataclass(frozen=True, slots=True)
class Shot:
    """A finished photo and where the product is in it: x0, y0, x1, y1 in pixels."""

    photo: Image.Image
    box: tuple[int, int, int, int]


def packshot(sketch: Sketch, surface: Surface, material: str, dice: Dice, size: tuple[int, int]) -> Shot:
    """The product on white, filling most of the frame."""
    width, height = (OVERSAMPLING * side for side in size)
    white = 255 - int(dice.between(0, 5))
    photo = Image.new("RGB", (width, height), (white, white, white))
    fill = dice.between(0.80, 0.94)
    x, y = width * (0.5 + dice.between(-0.02, 0.02)), height * (0.5 + dice.between(-0.02, 0.02))
    frame = _frame(x, y, width * fill / 2, height * fill / 2)
    mask = draw(sketch, surface, photo, frame, angle=dice.between(-5, 5))
    return _developed(photo, mask, material)


def cluttered(
    sketch: Sketch, surface: Surface, material: str, dice: Dice, size: tuple[int, int], *, kind: str
) -> Shot:
    """The product in a room, with a papered wall, a floor and things that are not of its `kind`."""
    width, height = (OVERSAMPLING * side for side in size)
    photo = Image.new("RGB", (width, height))
    horizon = _room(photo, dice)
    share = dice.between(0.45, 0.64)
    half_w, half_h = width * share / 2, height * share / 2
    x = dice.between(half_w, width - half_w)
    y = dice.between(max(half_h, horizon - half_h), height - half_h)
    frame = _frame(x, y, half_w, half_h)
    _clutter(photo, dice, frame, kind)
    angle = dice.between(-8, 8)
    _shadow(photo, sketch, fit(sketch, frame, angle))
    mask = draw(sketch, surface, photo, frame, angle=angle)
    shot = _developed(photo, mask, material)
    return Shot(shot.photo.point(_exposure(int(dice.between(88, 108)))), shot.box)


def _frame(x: float, y: float, half_w: float, half_h: float) -> Box:
    return (x - half_w, y - half_h, x + half_w, y + half_h)


def _developed(photo: Image.Image, mask: Image.Image, material: str) -> Shot:
    """Averaged down to its real size and lit; the box holds every pixel the product touches."""
    x0, y0, x1, y1 = mask.getbbox() or (0, 0, *mask.size)
    k = OVERSAMPLING
    small = light(photo.reduce(k), mask.reduce(k), material)
    return Shot(small, (x0 // k, y0 // k, -(-x1 // k), -(-y1 // k)))


@lru_cache(maxsize=32)
def _exposure(percent: int) -> list[int]:
    return [min(255, round(value * percent / 100)) for value in range(256)] * 3


def _room(photo: Image.Image, dice: Dice) -> float:
    """A wall and a floor; the height of the line between them."""
    width, height = photo.size
    wall = dice.pick(WALLS)
    paper = Surface(
        wall, dice.pick(PATTERN_NAMES), shaded(wall, dice.pick([0.86, 1.12])), 0.16, dice.chance(0.5)
    )
    whole = (0.0, 0.0, float(width), float(height))
    cover = covering(paper, photo.size, whole, Placement(1.0, 0.0, 1.0, (0.0, 0.0)))
    if cover is None:
        photo.paste(wall, (0, 0, width, height))
    else:
        photo.paste(cover)
    horizon = height * dice.between(0.62, 0.82)
    floor, pen = dice.pick(FLOORS), ImageDraw.Draw(photo)
    pen.rectangle((0, horizon, width, height), floor)
    for step in range(1, 4):
        y = horizon + (height - horizon) * step * step / 12
        pen.line([(0, y), (width, y)], shaded(floor, 0.85), 3)
    pen.line([(0, horizon), (width, horizon)], shaded(floor, 1.2), 12)
    return horizon


def _clutter(photo: Image.Image, dice: Dice, frame: Box, kind: str) -> None:
    """Two other products and a few plain things, in cells whose middle the product leaves free."""
    width, height = photo.size
    centres = [
        (width * (0.17 + 0.33 * column), height * (0.13 + 0.25 * row))
        for row in range(4)
        for column in range(3)
    ]
    free = [
        (x, y) for x, y in dice.shuffled(centres) if not (frame[0] < x < frame[2] and frame[1] < y < frame[3])
    ]
    names = [name for name in KINDS if name != kind]
    for place, (x, y) in enumerate(free[: 4 + int(dice.between(0, 4))]):
        reach = width * dice.between(0.10, 0.17)
        spot = _frame(x, y, reach, reach)
        if place < 2:
            other = Sketch()
            KINDS[dice.pick(names)].shape(other, dice)
            plain = Surface(dice.pick(THINGS), dice.pick(PATTERN_NAMES), dice.pick(WALLS), 0.3)
            draw(other, plain, photo, spot, angle=dice.between(-15, 15))
        else:
            dice.pick([_books, _picture, _plant, _ball, _parcel])(ImageDraw.Draw(photo), dice, spot)


def _books(pen: ImageDraw.ImageDraw, dice: Dice, spot: Box) -> None:
    x0, y0, x1, y1 = spot
    step = (y1 - y0) / 5
    for row in range(5):
        inset = dice.between(0, 0.2) * (x1 - x0)
        pen.rectangle(
            (x0 + inset, y0 + row * step, x1 - inset / 2, y0 + (row + 0.9) * step), dice.pick(THINGS)
        )


def _picture(pen: ImageDraw.ImageDraw, dice: Dice, spot: Box) -> None:
    x0, y0, x1, y1 = spot
    pen.rectangle(spot, dice.pick(THINGS), dice.pick([OAK, WALNUT, (40, 40, 42)]), 9)
    hill = y0 + (y1 - y0) * dice.between(0.45, 0.7)
    left, right, ground = x0 + 9, x1 - 9, y1 - 9
    outline = [
        (left, ground),
        (left, hill),
        ((x0 + x1) / 2, hill - 18),
        (right, hill + 9),
        (right, ground),
    ]
    pen.polygon(outline, dice.pick(WALLS))


def _plant(pen: ImageDraw.ImageDraw, dice: Dice, spot: Box) -> None:
    x0, y0, x1, y1 = spot
    x, reach = (x0 + x1) / 2, (x1 - x0) / 2
    green = dice.pick([(62, 120, 66), (92, 146, 80), (40, 92, 70)])
    for leaf in range(7):
        turn = math.radians(195 + 25 * leaf)
        tip = (x + reach * math.cos(turn), (y0 + y1) / 2 + reach * math.sin(turn))
        pen.line([(x, y1 - reach * 0.6), tip], shaded(green, 0.8 + 0.06 * leaf), max(6, round(reach * 0.22)))
    pot = dice.pick([(186, 104, 70), (226, 220, 210), (90, 96, 104)])
    pen.polygon([(x - reach * 0.5, y1 - reach * 0.7), (x + reach * 0.5, y1 - reach * 0.7),
                 (x + reach * 0.35, y1), (x - reach * 0.35, y1)], pot)  # fmt: skip


def _ball(pen: ImageDraw.ImageDraw, dice: Dice, spot: Box) -> None:
    x0, y0, x1, y1 = spot
    colour = dice.pick(THINGS)
    pen.ellipse(spot, colour)
    pen.arc((x0, y0 + (y1 - y0) * 0.2, x1, y1 - (y1 - y0) * 0.2), 0, 180, shaded(colour, 1.3), 8)


def _parcel(pen: ImageDraw.ImageDraw, dice: Dice, spot: Box) -> None:
    x0, y0, x1, y1 = spot
    colour = dice.pick([(198, 160, 112), *THINGS])
    pen.polygon(rectangle(x0, y0 + (y1 - y0) * 0.25, x1, y1), colour)
    pen.polygon(rectangle(x0, y0 + (y1 - y0) * 0.25, x1, y0 + (y1 - y0) * 0.42), shaded(colour, 0.8))
    middle = (x0 + x1) / 2
    pen.rectangle((middle - 6, y0 + (y1 - y0) * 0.25, middle + 6, y1), shaded(colour, 1.25))


def _shadow(photo: Image.Image, sketch: Sketch, place: Placement) -> None:
    """A soft dark patch where the product stands."""
    points = [point for stroke in sketch.strokes for point in place(stroke.points)]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    foot, reach = max(y for _, y in points), (right - left) * 0.06
    pen = ImageDraw.Draw(photo, "RGBA")
    for grow in (1.4, 1.0, 0.6):
        pen.ellipse(
            (left - reach * grow, foot - reach * grow, right + reach * grow, foot + reach * grow),
            (0, 0, 0, 34),
        )
