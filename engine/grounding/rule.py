"""From a detection to a crop: VL-CLIP's rule (arXiv 2507.17080, section 3.1), as plain functions.

Prompt the detector with the product type and take the box of the highest score. Over a threshold its crop
is embedded, otherwise the whole photo. The paper gives neither threshold nor padding; 0.35 is the box
threshold of Grounding DINO's own demo.

Laws (tests/engine/grounding/test_rule.py):
- a crop lies inside the photo, holds the box, and without padding is the box rounded outwards;
- more padding never makes a crop smaller; a higher threshold or least area never adds one;
- a prompt is one phrase: lower case, one period, at its end.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from PIL import Image

from vlclip.engine.grounding.grounder import Detection

MAX_PROMPT = 200
"""Characters of a product type in a prompt; detectors read 256 tokens at most."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a box is trusted and how it is cut; `threshold` is a score, the others are shares."""

    threshold: float
    """Scores of trusted boxes are over it."""
    padding: float
    """Of the box's width added left and right, of its height above and below."""
    min_area: float
    """Of the photo; a trusted box covers at least this."""

    @property
    def id(self) -> str:
        """The rule in a few characters; two rules are equal if their ids are."""
        return f"over={self.threshold!r},pad={self.padding!r},area={self.min_area!r}"


@dataclass(frozen=True, slots=True)
class Crop:
    """The part to cut out: x0, y0, x1, y1 in whole pixels, x1 and y1 not included; the detection's score."""

    box: tuple[int, int, int, int]
    score: float


def prompt(product_type: str) -> str:
    """The product type as one phrase: lower case, single spaces, ended with a period; "" for none.

    Inner "." and "?" become spaces: both end a phrase for Grounding DINO.
    """
    words = re.sub(r"[.?\s]+", " ", product_type.lower()).strip()
    if len(words) > MAX_PROMPT:
        words = words[: MAX_PROMPT + 1].rpartition(" ")[0] or words[:MAX_PROMPT]
    return f"{words}." if words else ""


def choose(detection: Detection | None, size: tuple[int, int], rule: Rule) -> Crop | None:
    """The crop of a photo of `size` (width, height); None where the whole photo is kept."""
    if detection is None or not all(map(math.isfinite, (*detection.box, detection.score))):
        return None
    width, height = size
    left, upper, right, lower = detection.box
    left, right = max(0.0, left), min(float(width), right)
    upper, lower = max(0.0, upper), min(float(height), lower)
    if left >= right or upper >= lower or detection.score <= rule.threshold:
        return None
    if (right - left) * (lower - upper) < rule.min_area * width * height:
        return None
    aside, above = rule.padding * (right - left), rule.padding * (lower - upper)
    box = (
        max(0, math.floor(left - aside)),
        max(0, math.floor(upper - above)),
        min(width, math.ceil(right + aside)),
        min(height, math.ceil(lower + above)),
    )
    return Crop(box, detection.score)


def cut(photo: Image.Image, crop: Crop | None) -> Image.Image:
    """The part of the photo to embed: the crop, or the photo itself where there is none."""
    return photo if crop is None else photo.crop(crop.box)
