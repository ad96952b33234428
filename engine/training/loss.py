"""The symmetric contrastive loss, with near-duplicates sharing the label instead of being negatives.

Laws (tests/engine/training/test_loss.py):
- with no two items alike the loss is CLIP's own;
- the rows of a batch may be computed apart, each share against the whole batch: the mean is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def shared_labels(*traits: Sequence[str], rows: slice = slice(None)) -> Tensor:
    """Targets `(len(rows), n)` float32, each row summing to 1 (e-CLIP, 2207.00208).

    A trait is one string per item: what its text says, its photo's hash, its catalogue entry. Items
    alike in any trait share the mass equally; an empty string is alike to nothing. It is a relation of
    pairs, not of groups: a title that half a shop bears does not make one product of all its photos.
    """
    alike = torch.eye(len(traits[0]), dtype=torch.bool)[rows]
    for trait in traits:
        numbers = {value: number for number, value in enumerate(dict.fromkeys(trait))}
        group = torch.tensor([numbers[value] if value else -1 - i for i, value in enumerate(trait)])
        alike |= group[rows, None] == group[None, :]
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
