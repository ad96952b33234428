"""Whether a shop photo shows someone wearing the product: a crude rule, for slices of an evaluation only.

Two signs must come together: the foreground covers nearly the whole height of the photo, as a posing person
does, and some of it has the colour of skin. Skin is a box in YCbCr (Chai &
Ngan, IEEE TCSVT 1999, narrowed). Leather and orange lie in it too, but packshots have a margin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HEIGHT = 0.9
"""Share of the photo's height that someone who wears the product covers."""
SKIN = 0.03
"""Least share of skin-toned pixels in the foreground."""
LUMA, BLUE, RED = 70, (85, 125), (140, 160)
"""Of skin: least Y, and the bounds of Cb and Cr, from 0 to 255."""
PLAIN = 18
"""How far, in grey levels, a background pixel may differ from the colour of the rim."""


def shows_wearer(photo: NDArray[np.uint8]) -> bool:
    """Whether a photo `(height, width, 3)` in RGB on a plain background shows someone wearing the product."""
    pixels = photo.astype(np.float32)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    foreground = np.abs(pixels - np.median(rim, axis=0)).max(axis=2) > PLAIN
    rows = np.flatnonzero(foreground.any(axis=1))
    if not len(rows) or rows[-1] - rows[0] + 1 < HEIGHT * len(pixels):
        return False
    return bool(_skin(pixels)[foreground].mean() >= SKIN)


def _skin(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pixels have the colour of skin, by their YCbCr (JPEG's)."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    towards_blue = 128 + 0.564 * (blue - luma)
    towards_red = 128 + 0.713 * (red - luma)
    inside: NDArray[np.bool_] = (
        (luma > LUMA)
        & (towards_blue >= BLUE[0])
        & (towards_blue <= BLUE[1])
        & (towards_red >= RED[0])
        & (towards_red <= RED[1])
    )
    return inside
