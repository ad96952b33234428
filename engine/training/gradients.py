"""The gradient of a loss over a whole batch, even if the batch is too large to be encoded at once.

GradCache (Gao et al. 2021, 2101.06983): a contrastive loss needs all vectors of a batch, but not all
activations. Encode in chunks without a graph, take the loss's gradient for the vectors, then encode
each chunk again and pass its part on. One more forward pass buys a batch of any size.

Laws (tests/engine/training/test_gradients.py):
- the gradient equals that of the whole batch at once, for models whose rows do not see each other;
- a model with dropout drops the same both times.

BatchNorm lets rows see each other: its statistics are those of a chunk, as they are of one GPU's share
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Vectors of photos and of tokens."""


def backward(
    encode: Encode,
    inputs: tuple[Tensor, Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    chunk: int | None = None,
) -> Tensor:
    """The loss of a batch's photos and tokens, detached; its gradient is added to the parameters.

    `chunk` rows are encoded at a time; None encodes all at once, with one forward pass only.
    """
    if chunk is None or chunk >= len(inputs[0]):
        value = loss(*encode(*inputs))
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    parts = list(zip(*(torch.split(rows, chunk) for rows in inputs), strict=True))
    seeds = torch.randint(2**62, (len(parts),)).tolist()
    with torch.no_grad():
        encoded = [_seeded(encode, part, seed) for part, seed in zip(parts, seeds, strict=True)]
    sides = [torch.cat(side).requires_grad_() for side in zip(*encoded, strict=True)]
    value = loss(*sides)
    value.backward()  # type: ignore[no-untyped-call]
    gradients = zip(*(torch.split(side.grad, chunk) for side in sides), strict=True)  # type: ignore[arg-type]
    for part, seed, gradient in zip(parts, seeds, gradients, strict=True):
        torch.autograd.backward(_seeded(encode, part, seed), gradient)
    return value.detach()


def _seeded(encode: Encode, inputs: tuple[Tensor, ...], seed: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return encode(*inputs)
