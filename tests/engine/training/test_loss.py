"""The loss: by hand, against open_clip's, and computed in shares."""

from __future__ import annotations

import open_clip
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from vlclip.engine.training.loss import contrastive_loss, shared_labels


def vectors(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images, texts = (functional.normalize(torch.randn(n, 8, generator=generator), dim=-1) for _ in range(2))
    return images, texts


def groups(names: str) -> torch.Tensor:
    """Items with the same letter are alike."""
    return torch.tensor([[name == other for other in names] for name in names])


def test_distinct_items_make_the_ordinary_clip_loss():
    images, texts = vectors(5, seed=0)
    scale = torch.tensor(10.0)
    targets = shared_labels(groups("abcde"))
    torch.testing.assert_close(targets, torch.eye(5))
    plain = open_clip.ClipLoss()(images, texts, scale)
    torch.testing.assert_close(contrastive_loss(images, texts, scale, targets), plain)


def test_items_that_are_alike_share_the_label():
    # items 0 and 2 are one product: each of their rows spreads its mass over both
    expected = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    torch.testing.assert_close(shared_labels(groups("aba")), expected)


def test_a_duplicate_is_not_punished_as_a_negative():
    images = texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    same = contrastive_loss(images, texts, torch.tensor(100.0), shared_labels(groups("aa")))
    # the least any scores can reach: two equal answers
    torch.testing.assert_close(same, torch.tensor(2.0).log())


@given(st.text("abc", min_size=6, max_size=6), st.sampled_from([1, 2, 3, 6]))
def test_shares_of_a_batch_have_its_loss_on_average(names, count):
    images, texts = vectors(6, seed=1)
    scale, targets = torch.tensor(5.0), shared_labels(groups(names))
    whole = contrastive_loss(images, texts, scale, targets)
    each = 6 // count
    shares = [slice(i * each, (i + 1) * each) for i in range(count)]
    parts = [
        contrastive_loss(images[share], texts[share], scale, targets[share], (images, texts))
        for share in shares
    ]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
