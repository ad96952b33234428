"""What people wear and carry, one function per product type.

Each sketches its shape, with proportions from the dice, and returns a phrase for the description.
Units: about 1 is the longer side, y points down, symmetric shapes stand on the axis x = 0.
"""

from __future__ import annotations

from vlclip.ingestion.drawn.dice import Dice
from vlclip.ingestion.drawn.sketch import (
    DARK,
    GOLD,
    RGB,
    STEEL,
    WALNUT,
    WHITE,
    Point,
    Sketch,
    curve,
    dial,
    mirrored,
    oval,
    rectangle,
)


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
        mirrored((0.165, 0), (0.175, 0.07), (hip, 0.25), (leg + 0.06, length), (0.035, length), (0.008, 0.34))
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
    return f"with a {'high' if high else 'low'} top and a {'thick' if sole > 0.1 else 'flat'} rubber sole"


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
        s.fill(mirrored((width * 0.88, -0.01), (width * 0.9, depth * 0.65), (0.0, depth + 0.04)), shade=0.82)
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
    dial(s, d, radius, hands)
    return f"with a {'square' if square else 'round'} {'white' if face == WHITE else 'black'} face"


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
        s.line([(side * 0.44, 0.06), (side * 0.56, 0.04), (side * 0.57, 0.17)], frame, "surface", shade=0.8)
        s.fill(outer)
        s.fill(inner, tint)
        s.line([(x - 0.08, 0.26), (x + 0.02, 0.1)], 0.022, (150, 150, 154))
    s.line(curve((-0.07, 0.14), (0, 0.06), (0.07, 0.14)), frame, "surface", shade=0.9)
    return f"with {'round' if rounded else 'angular'} dark lenses"


def _lens(x: float, side: int, rx: float, ry: float) -> list[Point]:
    outer, inner = x + side * rx, x - side * rx
    return [
        (inner, 0.2 - ry * 0.85),
        (outer, 0.2 - ry),
        (outer, 0.2),
        *curve((outer, 0.2), (outer - side * 0.02, 0.2 + ry), (x, 0.2 + ry), steps=5),
        *curve((x, 0.2 + ry), (inner, 0.2 + ry), (inner, 0.2), steps=5),
    ]


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
