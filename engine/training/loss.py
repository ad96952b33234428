"""The symmetric contrastive loss, with near-duplicates sharing the label instead of being negatives.

Laws (tests/engine/training/test_loss.py):
- with no two items alike the loss is CLIP's own;
- the rows of a batch may be computed in shares, each against the whole batch: the mean is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def shared_labels(alike: Tensor) -> Tensor:
    """Targets `(m, n)` float32: equal shares for the items that are `alike` `(m, n)`; rows sum to 1.

    As in e-CLIP (2207.00208), but by pairs, not by groups: if an item is like two others, those two need not
    be alike.
    """
    return alike / alike.sum(dim=1, keepdim=True)


def contrastive_loss(
    images: Tensor, texts: Tensor, scale: Tensor, targets: Tensor, among: Sequence[Tensor] | None = None
) -> Tensor:
    """½(CE(S, T) + CE(Sᵀ, T)) with S = scale · images @ textsᵀ; rows of both are unit length.

    `among` are all images and all texts `(n, d)` of a batch, of which `images` and `texts` `(m, d)` are a
    share; `targets` is then `(m, n)`. The batch's loss is the mean over equal shares.
    """
    all_images, all_texts = among or (images, texts)
    image_loss = functional.cross_entropy(scale * images @ all_texts.T, targets)
    text_loss = functional.cross_entropy(scale * texts @ all_images.T, targets)
    return (image_loss + text_loss) / 2
