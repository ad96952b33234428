"""How materials take the light: their grain and their sheen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from vlclip.engine.space import Floats


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
    box = mask.getbbox()
    if box is None:
        return photo
    x0, y0, x1, y1 = box
    look = MATERIALS[material]
    across = np.linspace(0, 1, x1 - x0, dtype=np.float32)[None, :]
    down = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None]
    cover = np.asarray(mask.crop(box), np.float32) / 255
    tile = grain(look.grain, photo.size)[: y1 - y0, : x1 - x0]
    factor = 1 + cover * (look.strength * tile + 0.05 - 0.10 * across)
    gloss = np.maximum(0, 1 - np.square((across + 0.25 * down - 0.40) / look.width)) * look.sheen * cover
    pixels = np.asarray(photo.crop(box), np.float32) * factor[..., None]
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
