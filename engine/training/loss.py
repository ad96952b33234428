"""The symmetric contrastive loss, with duplicates sharing the label instead of being negatives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def shared_labels(texts: Sequence[str]) -> Tensor:
    """Targets `(n, n)`, rows summing to 1: items with the same text share the mass equally.

    With all texts distinct this is the identity, the ordinary CLIP loss (e-CLIP, 2207.00208).
    """
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    group = torch.tensor([numbers[text] for text in texts])
    same = (group[:, None] == group[None, :]).float()
    return same / same.sum(dim=1, keepdim=True)


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, targets: Tensor) -> Tensor:
    """½(CE(S, T) + CE(Sᵀ, T)) with S = scale · images @ textsᵀ; rows of both are unit length."""
    logits = scale * images @ texts.T
    return (functional.cross_entropy(logits, targets) + functional.cross_entropy(logits.T, targets)) / 2
