"""The symmetric contrastive loss, with near-duplicates sharing the label instead of being negatives.

Laws (tests/engine/training/test_loss.py):
- with no two items alike the loss is CLIP's own;
- the rows of a batch may be computed apart, each share against the whole batch: the mean is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def shared_labels(alike: Tensor) -> Tensor:
    """Targets `(m, n)` float32 from which of n items each of m is like: rows of equal shares, summing to 1.

    As in e-CLIP (2207.00208), but by pairs, not by groups: an item like two others does not make
    those two alike.
    """
    return alike / alike.sum(dim=1, keepdim=True)


def contrastive_loss(
    images: Tensor, texts: Tensor, scale: Tensor, targets: Tensor, among: Sequence[Tensor] | None = None
) -> Tensor:
    """½(CE(S, T) + CE(Sᵀ, T)) with S = scale · images @ textsᵀ; rows of both are unit length.

    With `among`, all images and all texts `(n, d)` of a batch, the given ones are a share of its rows
    `(m, d)` and `targets` is `(m, n)`; the batch's loss is the mean over equal shares.
    """
    all_images, all_texts = among or (images, texts)
    found = functional.cross_entropy(scale * images @ all_texts.T, targets)
    described = functional.cross_entropy(scale * texts @ all_images.T, targets)
    return (found + described) / 2
