"""From a plan to pixels: strokes and surface drawn onto a photo, with a mask of what they cover."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw

from vlclip.ingestion.drawn.sketch import RGB, Box, Point, Sketch, fit
from vlclip.ingestion.drawn.surface import Surface, covering, shaded


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
