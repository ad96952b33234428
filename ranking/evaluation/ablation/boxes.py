"""How well a grounder boxes products in their photos, where the true boxes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

RIGHT = 0.5
"""Overlap (IoU) from which a box counts as right."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """The quality of a grounder's boxes in n photos.

    `cropped` is the share it cropped, `score` the mean of its best boxes' scores, both over all photos.
    `iou` and `right` are the mean overlap with the true box and the share of at least `RIGHT`, of the best
    box before the rule, over the `with_truth` photos that have a true box; a photo without a detected box
    counts 0. `right_cropped` is `right` among the photos that were cropped, which the threshold lets
    through.
    """

    n: int
    cropped: float
    score: float
    with_truth: int = 0
    iou: float | None = None
    right: float | None = None
    right_cropped: float | None = None


def judge_boxes(
    detected: Boxes, true: Boxes, scores: NDArray[np.float64], cropped: Sequence[bool] | NDArray[np.bool_]
) -> Grounded:
    """Judge boxes `(n, 4)`, x0 y0 x1 y1 in pixels, NaN where there is none; `scores` `(n,)` likewise."""
    chosen = np.asarray(cropped, dtype=bool)
    with_truth = ~np.isnan(true).any(axis=1)
    share, score = float(chosen.mean()), float(np.nan_to_num(scores).mean())
    if not with_truth.any():
        return Grounded(len(detected), share, score)
    iou = overlaps(detected[with_truth], true[with_truth])
    inside = iou[chosen[with_truth]]
    return Grounded(
        len(detected),
        share,
        score,
        int(with_truth.sum()),
        float(iou.mean()),
        float((iou >= RIGHT).mean()),
        float((inside >= RIGHT).mean()) if len(inside) else None,
    )


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Intersection over union `(n,)` of boxes row by row; 0 where either is NaN or empty."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    shared = np.clip(np.nan_to_num(high - low), 0, None).prod(axis=1)
    whole = np.nan_to_num(_area(first) + _area(second)) - shared
    out: NDArray[np.float64] = np.divide(shared, whole, out=np.zeros(len(first)), where=whole > 0)
    return out


def _area(boxes: Boxes) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return area
