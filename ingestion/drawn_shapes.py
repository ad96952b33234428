"""One function per product type: it sketches the shape and says which proportions the dice chose.

Units: about 1 is the longer side, y points down, symmetric shapes stand on the axis x = 0.
The phrase that is returned goes into the product's description.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ingestion.drawn_canvas import RGB, Dice, Sketch, curve, mirrored, oval, rectangle

WHITE: RGB = (246, 246, 244)
DARK: RGB = (44, 42, 44)
GOLD: RGB = (205, 168, 84)
STEEL: RGB = (168, 172, 178)
OAK: RGB = (176, 128, 82)
WALNUT: RGB = (104, 70, 46)


def t_shirt(s: Sketch, d: Dice) -> str:
    """From the front; crew or V neck, short or long sleeves."""
    long, v_neck = d.chance(0.3), d.chance(0.35)
    width, length, flare = d.between(0.25, 0.31), d.between(0.82, 1.0), d.between(-0.01, 0.05)
    if long:
        cuff = ((width + 0.2, 0.74), (width + 0.1, 0.76))
    else:
        end = d.between(0.27, 0.36)
        cuff = ((width + 0.23, end), (width + 0.1, end + 0.07))
    shoulder, armpit = (width + 0.02, 0.06), (width, 0.29)
    s.fill(mirrored((0.12, 0), shoulder, *cuff, armpit, (width + flare, length)))
    neck = [(-0.12, 0.0), (0, 0.2), (0.12, 0.0)] if v_neck else curve((-0.12, 0), (0, 0.19), (0.12, 0))
    s.fill([*neck, *curve((0.12, 0), (0, 0.05), (-0.12, 0))], "ink")
    s.line(neck, 0.025, "surface", shade=0.85)
    for side in (-1, 1):
        s.line([(side * (shoulder[0] - 0.015), 0.06), (side * armpit[0], 0.29)], 0.008)
        s.line([(side * (x - 0.004), y - 0.03) for x, y in cuff], 0.008)
    s.line([(-width - flare + 0.01, length - 0.035), (width + flare - 0.01, length - 0.035)], 0.008)
    return f"with {'long' if long else 'short'} sleeves and a {'V-neck' if v_neck else 'crew neck'}"


def dress(s: Sketch, d: Dice) -> str:
    """From the front; straps or short sleeves, knee or full length, more or less flared."""
    sleeves, long = d.chance(0.45), d.chance(0.45)
    hem, length = d.between(0.26, 0.44), d.between(1.15, 1.3) if long else d.between(0.88, 1.0)
    waist = (d.between(0.125, 0.15), d.between(0.36, 0.42))
    skirt = curve(waist, (waist[0] + 0.05, 0.6), (hem, length), steps=8)
    floor = curve((hem, length), (0, length + 0.09), (-hem, length))[1:6]
    if sleeves:
        top = [(0.0, 0.09), (0.1, 0.0), (0.19, 0.04), (0.29, 0.2), (0.22, 0.25), (0.17, 0.17)]
    else:
        top = [(0.0, 0.16), (0.09, 0.13), (0.115, 0.0), (0.15, 0.0), (0.165, 0.12), (0.18, 0.2)]
    s.fill(mirrored(*top, *skirt, *floor))
    for share in (-0.55, -0.2, 0.2, 0.55):
        s.line([(waist[0] * share, waist[1] + 0.04), (hem * share, length - 0.02)], 0.007)
    s.line([(-waist[0], waist[1]), (waist[0], waist[1])], d.between(0.015, 0.05))
    return f"with {'short sleeves' if sleeves else 'thin straps'}, {'full' if long else 'knee'} length"


def trousers(s: Sketch, d: Dice) -> str:
    """From the front; slim to wide legs, or shorts."""
    short, wide = d.chance(0.25), d.chance(0.45)
    length = d.between(0.5, 0.58) if short else d.between(1.0, 1.15)
    leg = d.between(0.2, 0.26) if short or wide else d.between(0.1, 0.14)
    hip = d.between(0.2, 0.23)
    s.fill(
        mirrored(
            (0.165, 0), (0.175, 0.07), (hip, 0.25), (leg + 0.06, length), (0.035, length), (0.008, 0.34)
        )
    )
    s.line([(0, 0.07), (0, 0.33)], 0.01)
    s.line(curve((0, 0.22), (0.045, 0.2), (0.05, 0.07)), 0.007)
    for side in (-1, 1):
        s.line(curve((side * 0.1, 0.075), (side * 0.12, 0.15), (side * hip * 0.93, 0.17)), 0.01)
        s.line([(side * (leg / 2 + 0.05), 0.4), (side * (leg / 2 + 0.05), length - 0.02)], 0.006)
    s.fill(rectangle(-0.17, 0, 0.17, 0.065), shade=0.85)
    s.fill(oval(0, 0.034, 0.016, 0.016, steps=10), GOLD)
    return f"with {'wide' if wide or short else 'slim'} legs, {'knee' if short else 'full'} length"


def sneaker(s: Sketch, d: Dice) -> str:
    """From the side, toe to the right; low or high top."""
    high = d.chance(0.35)
    top, toe = (d.between(-0.2, -0.12), 0.3) if high else (d.between(0.06, 0.1), 0.28)
    s.fill(
        [
            (0.02, top + 0.02),
            *curve((0.04, top), (0.17, top + 0.09), (0.29, top), steps=6),
            (0.38, top + 0.01 if high else 0.0),
            *curve((0.42, 0.04), (0.58, 0.2), (0.76, 0.22), steps=6),
            *curve((0.76, 0.22), (0.97, toe - 0.04), (0.98, 0.42), steps=6),
            (0.02, 0.42),
        ]
    )
    s.fill([(0.74, 0.4), *curve((0.74, 0.225), (0.97, toe - 0.04), (0.98, 0.4), steps=6)], WHITE)
    s.fill([(0.02, top + 0.03), (0.1, top + 0.05), (0.13, 0.4), (0.02, 0.4)], shade=0.7)
    stripe = WHITE if d.chance(0.6) else DARK
    s.line([(0.27, 0.38), (0.38, 0.14)], 0.035, stripe)
    s.line([(0.38, 0.38), (0.47, 0.2)], 0.035, stripe)
    for step in range(4):
        x, y = 0.40 + 0.075 * step, 0.055 + 0.047 * step
        s.line([(x - 0.035, y + 0.055), (x + 0.05, y + 0.01)], 0.022, WHITE)
    sole = d.between(0.08, 0.12)
    s.fill(rectangle(0, 0.41, 1, 0.41 + sole, corner=0.04), (226, 224, 220))
    s.line([(0.02, 0.41 + sole * 0.55), (0.98, 0.41 + sole * 0.55)], 0.012, STEEL)
    s.line([(0.02, 0.41 + sole), (0.98, 0.41 + sole)], 0.02, DARK)
    return (
        f"with a {'high' if high else 'low'} top and a {'thick' if sole > 0.1 else 'flat'} rubber sole"
    )


def boot(s: Sketch, d: Dice) -> str:
    """From the side, toe to the right; ankle or knee high, flat or with a heel."""
    high, heel = d.chance(0.5), d.between(0.06, 0.16)
    top = d.between(-0.45, -0.3) if high else d.between(0.0, 0.08)
    s.fill(
        [
            (0.03, top),
            (0.4, top),
            *curve((0.38, 0.34), (0.42, 0.46), (0.58, 0.5), steps=6),
            *curve((0.62, 0.51), (0.88, 0.55), (0.87, 0.7), steps=6),
            (0.05, 0.7),
            (0.08, 0.45),
        ]
    )
    s.fill([(0.0, 0.69), (0.3, 0.69), (0.27, 0.72 + heel), (0.02, 0.72 + heel)], DARK)
    s.fill([(0.02, 0.68), (0.88, 0.68), (0.88, 0.73), (0.42, 0.74), (0.28, 0.72)], DARK)
    s.line([(0.03, top + 0.04), (0.4, top + 0.04)], 0.02)
    s.line(curve((0.42, 0.68), (0.45, 0.52), (0.6, 0.51)), 0.012)
    laced = d.chance(0.5)
    if laced:
        for step in range(5):
            y = top + 0.1 + (0.36 - top) * 0.2 * step
            s.line([(0.27, y + 0.015), (0.39, y)], 0.02, (236, 226, 200))
    else:
        s.line([(0.06, 0.42), (0.39, 0.38)], 0.05, shade=0.7)
        s.fill(rectangle(0.27, 0.36, 0.34, 0.44), GOLD)
    return f"{'knee' if high else 'ankle'} high, {'laced' if laced else 'with a buckle'}"


def handbag(s: Sketch, d: Dice) -> str:
    """From the front; a wide or tall body with a short or long handle, flap or zip."""
    width, height = d.between(0.38, 0.5), d.between(0.48, 0.7)
    rise, flap = d.between(0.28, 0.6), d.chance(0.55)
    grip = width * 0.55
    s.line(curve((-grip, 0.05), (0, -2 * rise), (grip, 0.05), steps=16), 0.045, "surface", shade=0.75)
    body = mirrored((width * 0.86, 0), (width, height - 0.06), (width - 0.05, height))
    s.fill(body)
    if flap:
        depth = height * d.between(0.42, 0.58)
        s.fill(
            mirrored((width * 0.88, -0.01), (width * 0.9, depth * 0.65), (0.0, depth + 0.04)), shade=0.82
        )
        s.fill(rectangle(-0.045, depth - 0.06, 0.045, depth + 0.05, corner=0.015), GOLD)
    else:
        s.line([(-width * 0.8, 0.05), (width * 0.8, 0.05)], 0.02)
        s.fill(rectangle(-0.13, height * 0.42, 0.13, height * 0.62, corner=0.02), shade=0.75)
    for side in (-1, 1):
        s.fill(oval(side * grip, 0.05, 0.032, 0.032, steps=12), GOLD)
    return f"with a {'long' if rise > 0.44 else 'short'} handle and a {'flap' if flap else 'zip'}"


def backpack(s: Sketch, d: Dice) -> str:
    """From the front; round top, one large pocket, straps looking out at the sides."""
    width, height = d.between(0.32, 0.4), d.between(0.92, 1.05)
    pocket = height * d.between(0.48, 0.6)
    for side in (-1, 1):
        s.line(
            curve(
                (side * width * 0.6, 0.12),
                (side * (width + 0.2), 0.4),
                (side * width * 0.92, height - 0.1),
            ),
            0.06,
            shade=0.9,
        )
    s.line(curve((-0.1, 0.04), (0, -0.17), (0.1, 0.04)), 0.045)
    s.fill(
        [
            *curve((-width, 0.3), (-width, 0.0), (0, 0.0)),
            *curve((0, 0.0), (width, 0.0), (width, 0.3)),
            *rectangle(-width * 1.04, 0.3, width * 1.04, height, corner=0.08)[6:18],
        ]
    )
    s.line(curve((-width * 0.85, 0.36), (0, -0.17), (width * 0.85, 0.36), steps=14), 0.018)
    s.fill(rectangle(-width * 0.8, pocket, width * 0.8, height - 0.07, corner=0.06), shade=0.85)
    s.line([(-width * 0.7, pocket + 0.07), (width * 0.7, pocket + 0.07)], 0.018)
    s.fill(rectangle(-0.035, pocket + 0.05, 0.0, pocket + 0.16), GOLD)
    s.fill(rectangle(-0.08, 0.25, 0.08, 0.33, corner=0.02), WALNUT)
    return f"{'roomy' if width > 0.36 else 'slim'}, with a front pocket and padded straps"


def hat(s: Sketch, d: Dice) -> str:
    """From the side; a brim, a crown and a band."""
    brim, tall = d.between(0.44, 0.6), d.between(0.28, 0.42)
    crown = d.between(0.25, 0.3)
    s.fill(oval(0, 0.44, brim, 0.105))
    s.fill(oval(0, 0.425, brim * 0.8, 0.06), shade=0.8)
    dent = d.between(0.0, 0.07)
    s.fill(
        [
            (-crown, 0.42),
            *curve(
                (-crown * 0.93, 0.42 - tall * 0.6),
                (-crown * 0.85, 0.42 - tall),
                (-crown * 0.4, 0.42 - tall),
            ),
            *curve((-crown * 0.4, 0.42 - tall), (0, 0.42 - tall + 2 * dent), (crown * 0.4, 0.42 - tall)),
            *curve(
                (crown * 0.4, 0.42 - tall),
                (crown * 0.85, 0.42 - tall),
                (crown * 0.93, 0.42 - tall * 0.6),
            ),
            *curve((crown, 0.42), (0, 0.52), (-crown, 0.42)),
        ]
    )
    band = WHITE if d.chance(0.4) else DARK
    lower = curve((-crown * 1.0, 0.405), (0, 0.505), (crown * 1.0, 0.405))
    upper = curve((crown * 0.98, 0.335), (0, 0.435), (-crown * 0.98, 0.335))
    s.fill([*lower, *upper], band)
    colour = "white" if band == WHITE else "black"
    return f"with a {'wide' if brim > 0.52 else 'narrow'} brim and a {colour} band"


def watch(s: Sketch, d: Dice) -> str:
    """From the front; round or square case on a wide strap."""
    square, strap = d.chance(0.4), d.between(0.13, 0.18)
    radius, length = d.between(0.22, 0.27), d.between(0.55, 0.66)
    s.fill(rectangle(-strap, -length, strap, length, corner=0.06))
    for step in range(4):
        s.fill(oval(0, length - 0.09 - 0.07 * step, 0.017, 0.022, steps=10), DARK)
    s.fill(rectangle(-strap - 0.03, -length + 0.05, strap + 0.03, -length + 0.1), STEEL)
    case, metal = radius + 0.05, GOLD if d.chance(0.4) else STEEL
    face = WHITE if d.chance(0.6) else DARK
    hands = DARK if face == WHITE else WHITE
    s.fill(rectangle(case - 0.01, -0.04, case + 0.05, 0.04), metal)
    if square:
        s.fill(rectangle(-case, -case, case, case, corner=0.07), metal)
        s.fill(rectangle(-radius, -radius, radius, radius, corner=0.05), face)
    else:
        s.fill(oval(0, 0, case, case), metal)
        s.fill(oval(0, 0, radius, radius), face)
    _dial(s, d, radius, hands)
    return f"with a {'square' if square else 'round'} {'white' if face == WHITE else 'black'} face"


def _dial(s: Sketch, d: Dice, radius: float, colour: RGB) -> None:
    for hour in range(12):
        turn = math.radians(30 * hour)
        x, y = math.cos(turn), math.sin(turn)
        s.line(
            [(x * radius * 0.78, y * radius * 0.78), (x * radius * 0.9, y * radius * 0.9)], 0.018, colour
        )
    for reach, width in ((0.5, 0.035), (0.72, 0.022)):
        turn = d.between(0, 2 * math.pi)
        s.line(
            [(0, 0), (math.cos(turn) * radius * reach, math.sin(turn) * radius * reach)], width, colour
        )


def sunglasses(s: Sketch, d: Dice) -> str:
    """From the front; round or angular lenses in a thick frame."""
    rounded, frame = d.chance(0.5), d.between(0.045, 0.07)
    width, height = d.between(0.19, 0.22), d.between(0.15, 0.19)
    tint: RGB = d.pick([(52, 50, 54), (74, 58, 44), (44, 62, 58)])
    for side in (-1, 1):
        x = side * 0.26
        if rounded:
            outer, inner = oval(x, 0.2, width + frame, height + frame), oval(x, 0.2, width, height)
        else:
            outer = _lens(x, side, width + frame, height + frame)
            inner = _lens(x, side, width, height)
        s.line(
            [(side * 0.44, 0.06), (side * 0.56, 0.04), (side * 0.57, 0.17)], frame, "surface", shade=0.8
        )
        s.fill(outer)
        s.fill(inner, tint)
        s.line([(x - 0.08, 0.26), (x + 0.02, 0.1)], 0.022, (150, 150, 154))
    s.line(curve((-0.07, 0.14), (0, 0.06), (0.07, 0.14)), frame, "surface", shade=0.9)
    return f"with {'round' if rounded else 'angular'} dark lenses"


def _lens(x: float, side: int, rx: float, ry: float) -> list[tuple[float, float]]:
    outer, inner = x + side * rx, x - side * rx
    return [
        (inner, 0.2 - ry * 0.85),
        (outer, 0.2 - ry),
        (outer, 0.2),
        *curve((outer, 0.2), (outer - side * 0.02, 0.2 + ry), (x, 0.2 + ry), steps=5),
        *curve((x, 0.2 + ry), (inner, 0.2 + ry), (inner, 0.2), steps=5),
    ]


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
    return (
        f"with a {'narrow' if neck < 0.11 else 'wide'} neck and a {'low' if low > 0.6 else 'high'} belly"
    )


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


def umbrella(s: Sketch, d: Dice) -> str:
    """Open, from the side: a scalloped dome on a stick with a hook."""
    width, rise = d.between(0.48, 0.56), d.between(0.34, 0.5)
    length, panels = d.between(0.85, 1.05), 4
    metal = d.pick([STEEL, WALNUT, DARK])
    s.line([(0, -0.05), (0, length - 0.08)], 0.035, metal)
    s.line(oval(-0.08, length - 0.08, 0.08, 0.08, start=0, end=180, steps=10), 0.045, metal)
    dome = oval(0, rise, width, rise, start=180, end=360, steps=24)
    span = 2 * width / panels
    scallops = []
    for panel in range(panels):
        right = width - panel * span
        scallops += curve((right, rise), (right - span / 2, rise - 0.13), (right - span, rise), steps=6)
    s.fill([*dome, *scallops])
    for panel in range(1, panels):
        x = -width + panel * span
        s.line(curve((0, 0), (x * 1.25, rise * 0.25), (x, rise)), 0.014)
    s.line([(0, -0.05), (0, 0.0)], 0.03, metal)
    return f"with a {'deep' if rise > 0.42 else 'shallow'} canopy and a hooked handle"


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
    _dial(s, d, 0.47 - rim, DARK if face == WHITE else WHITE)
    return f"{'square' if square else 'round'}, with a {'white' if face == WHITE else 'black'} face"


SHAPES: dict[str, Callable[[Sketch, Dice], str]] = {
    "t-shirt": t_shirt,
    "dress": dress,
    "trousers": trousers,
    "sneaker": sneaker,
    "boot": boot,
    "handbag": handbag,
    "backpack": backpack,
    "hat": hat,
    "watch": watch,
    "sunglasses": sunglasses,
    "mug": mug,
    "lamp": lamp,
    "chair": chair,
    "sofa": sofa,
    "table": table,
    "vase": vase,
    "cushion": cushion,
    "umbrella": umbrella,
    "bottle": bottle,
    "clock": clock,
}
