"""What stands and lies at home, one function per product type.

Each sketches its shape, with proportions from the dice, and returns a phrase for the description.
Units: about 1 is the longer side, y points down, symmetric shapes stand on the axis x = 0.
"""

from __future__ import annotations

from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.drawn.sketch import (
    DARK,
    GOLD,
    OAK,
    STEEL,
    WALNUT,
    WHITE,
    Sketch,
    curve,
    dial,
    mirrored,
    oval,
    rectangle,
)


def mug(s: Sketch, d: Dice) -> str:
    """From the side and a little above, with the handle at the right."""
    width, height = d.between(0.28, 0.36), d.between(0.55, 0.8)
    taper, thick = d.between(0.85, 1.0), d.between(0.06, 0.09)
    ear = oval(width * 0.98, height * 0.5, 0.2, height * 0.29, start=-95, end=95, steps=16)
    s.line(ear, thick, "surface", shade=0.85)
    bottom = oval(0, height, width * taper, 0.07, start=0, end=180, steps=14)
    s.fill([(-width, 0.0), (width, 0.0), *bottom])
    s.fill(oval(0, 0, width, 0.075))
    s.fill(oval(0, 0.005, width * 0.9, 0.058), "ink")
    if d.chance(0.4):
        s.fill(oval(0, 0.02, width * 0.78, 0.04), (92, 58, 36))
    return f"{'tall' if height > 0.68 else 'wide'}, with one handle"


def lamp(s: Sketch, d: Dice) -> str:
    """A table lamp: a shade on a stem and a foot."""
    top, bottom = d.between(0.14, 0.3), d.between(0.34, 0.42)
    shade, height = d.between(0.36, 0.46), d.between(0.95, 1.2)
    metal = d.pick([GOLD, STEEL, DARK, OAK])
    rounded = d.chance(0.45)
    if rounded:
        s.fill(oval(0, (shade + height) / 2, d.between(0.14, 0.2), (height - shade) * 0.42), metal)
    s.line([(0, shade * 0.9), (0, height)], 0.05, metal)
    s.fill(rectangle(-0.2, height - 0.05, 0.2, height, corner=0.02), metal)
    s.fill([(-top, 0), (top, 0), *curve((bottom, shade), (0, shade + 0.07), (-bottom, shade))])
    s.line([(-top, 0.02), (top, 0.02)], 0.02)
    s.line(curve((bottom * 0.98, shade - 0.02), (0, shade + 0.05), (-bottom * 0.98, shade - 0.02)), 0.02)
    return f"with a {'rounded' if rounded else 'slender'} base"


def chair(s: Sketch, d: Dice) -> str:
    """From the front and a little above: back, seat, four legs."""
    width, back = d.between(0.26, 0.33), d.between(0.42, 0.56)
    rounded, wood = d.chance(0.5), d.pick([OAK, WALNUT, DARK])
    seat = back + 0.14
    for side in (-1, 1):
        s.line([(side * width * 0.8, back - 0.05), (side * width * 0.84, seat + 0.3)], 0.045, wood)
        s.line([(side * width * 0.92, seat), (side * (width + 0.05), seat + 0.46)], 0.06, wood)
    s.fill(rectangle(-width, 0, width, back, corner=0.2 if rounded else 0.04))
    s.fill(
        [(-width, back - 0.04), (width, back - 0.04), (width + 0.07, seat), (-width - 0.07, seat)],
        shade=1.05,
    )
    s.fill(rectangle(-width - 0.07, seat, width + 0.07, seat + 0.07, corner=0.02), shade=0.8)
    return f"with a {'rounded' if rounded else 'straight'} back and wooden legs"


def sofa(s: Sketch, d: Dice) -> str:
    """From the front: back, arms, two or three cushions, feet."""
    width, seats = d.between(0.55, 0.72), d.pick([2, 2, 3])
    arm, back = d.between(0.09, 0.14), d.between(0.0, 0.08)
    for side in (-1, 1):
        s.line([(side * (width - 0.08), 0.5), (side * (width - 0.07), 0.64)], 0.04, WALNUT)
    s.fill(rectangle(-width + 0.04, back, width - 0.04, 0.5, corner=0.09), shade=0.92)
    for seat in range(seats):
        span = 2 * (width - arm) / seats
        left = -width + arm + seat * span
        s.fill(rectangle(left, back + 0.05, left + span, 0.36, corner=0.05))
        s.fill(rectangle(left, 0.34, left + span, 0.46, corner=0.04), shade=1.06)
    s.fill(rectangle(-width + 0.02, 0.45, width - 0.02, 0.56), shade=0.82)
    for side in (-1, 1):
        x0, x1 = sorted((side * width, side * (width - arm)))
        s.fill(rectangle(x0, 0.22, x1, 0.57, corner=0.04), shade=0.95)
    return f"for {'two' if seats == 2 else 'three'}, with {'wide' if arm > 0.115 else 'narrow'} arms"


def table(s: Sketch, d: Dice) -> str:
    """From the front and above; a round or rectangular top on four legs or one."""
    rounded, width = d.chance(0.45), d.between(0.5, 0.62)
    height, depth = d.between(0.5, 0.75), d.between(0.1, 0.14)
    if rounded:
        s.line([(0, 0.05), (0, height)], 0.085, "surface", shade=0.75)
        s.fill(oval(0, height, width * 0.5, 0.05), shade=0.75)
        s.fill([(x, y + 0.05) for x, y in oval(0, 0, width, depth)], shade=0.8)
        s.fill(oval(0, 0, width, depth))
        return "with a round top on a single foot"
    for side in (-1, 1):
        s.line(
            [(side * (width * 0.74), depth), (side * (width * 0.76), height - 0.1)],
            0.05,
            "surface",
            shade=0.6,
        )
        s.line(
            [(side * (width - 0.04), depth), (side * (width - 0.03), height)],
            0.065,
            "surface",
            shade=0.75,
        )
    s.fill([(-width * 0.82, -depth), (width * 0.82, -depth), (width, depth), (-width, depth)])
    s.fill(rectangle(-width, depth, width, depth + 0.07), shade=0.8)
    return "with a rectangular top on four legs"


def vase(s: Sketch, d: Dice) -> str:
    """From the side; a belly between a neck and a foot, all of them varying."""
    neck, lip = d.between(0.07, 0.15), d.between(0.1, 0.18)
    belly, low = d.between(0.24, 0.38), d.between(0.4, 0.75)
    foot = d.between(0.1, 0.18)
    s.fill(
        mirrored(
            *curve((lip, 0), (neck, 0.03), (neck, 0.16), steps=5),
            *curve((neck, 0.18), (belly, 0.2), (belly, low), steps=8),
            *curve((belly, low), (belly * 0.85, 0.5 + low / 2), (foot, 1.0), steps=8),
        )
    )
    s.fill(oval(0, 0, lip, 0.035))
    s.fill(oval(0, 0.004, lip * 0.82, 0.024), "ink")
    s.line([(-foot, 0.985), (foot, 0.985)], 0.02)
    return f"with a {'narrow' if neck < 0.11 else 'wide'} neck and a {'low' if low > 0.6 else 'high'} belly"


def cushion(s: Sketch, d: Dice) -> str:
    """From the front; square or oblong, with pulled-in sides, piping and sometimes tassels."""
    width, height = d.pick([(0.5, 0.5), (0.5, 0.47), (0.6, 0.4)])
    pull, tassels = d.between(0.04, 0.08), d.chance(0.35)
    corners = [(-width, -height), (width, -height), (width, height), (-width, height)]
    outline = []
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        middle = ((ax + bx) / 2 * (1 - 2 * pull / 0.5), (ay + by) / 2 * (1 - 2 * pull / 0.5))
        outline += curve((ax, ay), middle, (bx, by), steps=8)
    if tassels:
        for x, y in corners:
            for turn in (-0.3, 0.0, 0.3):
                s.line([(x, y), (x * 1.12 - turn * y * 0.25, y * 1.12 + turn * x * 0.25)], 0.025)
    s.fill(outline)
    s.line([*outline, outline[0]], 0.03)
    for x, y in corners:
        s.line(curve((x * 0.86, y * 0.86), (x * 0.7, y * 0.75), (x * 0.62, y * 0.6), steps=4), 0.01)
    form = "square" if width == height else "oblong"
    return f"{form}, with piped edges{' and tassels' if tassels else ''}"


def bottle(s: Sketch, d: Dice) -> str:
    """From the side: a body, shoulders, a neck and a cap."""
    width, height = d.between(0.16, 0.22), d.between(0.95, 1.15)
    neck, shoulder = d.between(0.07, 0.1), d.between(0.2, 0.32)
    cap = d.pick([DARK, STEEL, OAK, WHITE])
    s.fill(
        mirrored(
            (neck, 0.08),
            (neck, 0.15),
            *curve((neck, 0.15), (width, 0.16), (width, shoulder + 0.08), steps=7),
            *curve((width, height - 0.06), (width, height), (width - 0.05, height), steps=4),
        )
    )
    s.fill(rectangle(-neck - 0.025, -0.02, neck + 0.025, 0.1, corner=0.02), cap)
    s.line([(-neck - 0.025, 0.09), (neck + 0.025, 0.09)], 0.014, STEEL)
    if d.chance(0.5):
        s.line(curve((-neck, 0.0), (0, -0.26), (neck, 0.0)), 0.03, cap)
    return f"{'slim' if width < 0.19 else 'wide'}, with a screw cap"


def clock(s: Sketch, d: Dice) -> str:
    """A wall clock from the front: a broad rim round a pale or dark face."""
    square, rim = d.chance(0.3), d.between(0.13, 0.2)
    face = WHITE if d.chance(0.75) else DARK
    if square:
        s.fill(rectangle(-0.5, -0.5, 0.5, 0.5, corner=0.08))
    else:
        s.fill(oval(0, 0, 0.5, 0.5, steps=40))
    s.fill(oval(0, 0, 0.5 - rim, 0.5 - rim, steps=40), "ink")
    s.fill(oval(0, 0, 0.485 - rim, 0.485 - rim, steps=40), face)
    dial(s, d, 0.47 - rim, DARK if face == WHITE else WHITE)
    return f"{'square' if square else 'round'}, with a {'white' if face == WHITE else 'black'} face"
