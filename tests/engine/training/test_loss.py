"""The loss: by hand, against open_clip's, and computed in shares."""

from __future__ import annotations

import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from engine.training.loss import contrastive_loss, shared_labels


def vectors(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images, texts = (functional.normalize(torch.randn(n, 8, generator=generator), dim=-1) for _ in range(2))
    return images, texts


def test_distinct_items_make_the_ordinary_clip_loss():
    images, texts = vectors(5, seed=0)
    scale = torch.tensor(10.0)
    targets = shared_labels(["a", "b", "c", "d", "e"], ["1", "2", "3", "4", "5"], [""] * 5)
    torch.testing.assert_close(targets, torch.eye(5))
    plain = open_clip.ClipLoss()(images, texts, scale)
    torch.testing.assert_close(contrastive_loss(images, texts, scale, targets), plain)


def test_equal_texts_share_the_label():
    # items 0 and 2 say the same: each of their rows spreads its mass over both
    expected = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    torch.testing.assert_close(shared_labels(["shoe", "hat", "shoe"]), expected)


def test_any_trait_makes_two_items_alike_but_not_the_friend_of_a_friend():
    # 0 and 1 say the same, 1 and 2 look the same, 3 has no photo like 0, which is no likeness
    said, looks = ["shoe", "shoe", "boot", "hat"], ["", "f0", "f0", ""]
    third = 1 / 3
    expected = torch.tensor([[0.5, 0.5, 0, 0], [third, third, third, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]])
    torch.testing.assert_close(shared_labels(said, looks), expected)


traits = st.lists(
    st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=6, max_size=6), min_size=1, max_size=3
)


@given(traits)
def test_rows_sum_to_one_and_likeness_is_mutual(given_traits):
    targets = shared_labels(*given_traits)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(6))
    assert torch.equal(targets > 0, (targets > 0).T)
    assert (targets.diagonal() > 0).all()


@given(traits, st.sampled_from([1, 2, 3, 6]))
def test_shares_of_a_batch_have_its_loss_on_average(given_traits, count):
    images, texts = vectors(6, seed=1)
    scale = torch.tensor(5.0)
    whole = contrastive_loss(images, texts, scale, shared_labels(*given_traits))
    each = 6 // count
    shares = [slice(i * each, (i + 1) * each) for i in range(count)]
    parts = [
        contrastive_loss(
            images[share], texts[share], scale, shared_labels(*given_traits, rows=share), (images, texts)
        )
        for share in shares
    ]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


@pytest.mark.parametrize("by", ["text", "photo", "entry"])
def test_a_duplicate_is_not_punished_as_a_negative(by):
    images = texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    told = {name: ["1", "1"] if name == by else ["1", "2"] for name in ("text", "photo", "entry")}
    same = contrastive_loss(images, texts, torch.tensor(100.0), shared_labels(*told.values()))
    # the least any scores can reach: two equal answers
    torch.testing.assert_close(same, torch.tensor(2.0).log())
