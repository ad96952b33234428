"""Gradient caching: the gradient of the whole batch, a chunk at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.engine.training.colours import figures, recipe, trained
from vlclip.engine.training.gradients import backward
from vlclip.engine.training.loss import contrastive_loss, shared_labels


class Towers(nn.Module):
    """Two small towers and a temperature, in double precision."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = (
            nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Dropout(dropout), nn.Linear(12, 4))
            for _ in range(2)
        )
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.double()
        self.encoded: list[torch.Tensor] = []

    def encode(self, photos, tokens):
        images, texts = (
            nn.functional.normalize(tower(rows), dim=-1)
            for tower, rows in ((self.image, photos), (self.text, tokens))
        )
        self.encoded.append(images.detach())
        return images, texts

    def loss(self, images, texts):
        labels = torch.tensor([0, 1, 2, 0, 3, 4, 5, 5, 6, 7])
        targets = shared_labels(labels[:, None] == labels[None, :]).double()
        return contrastive_loss(images, texts, self.scale.exp(), targets)


def gradients(chunk: int | None, dropout: float = 0.0) -> tuple[float, list[torch.Tensor], Towers]:
    towers = Towers(dropout)
    torch.manual_seed(1)
    inputs = (torch.randn(10, 6).double(), torch.randn(10, 6).double())
    loss = backward(towers.encode, inputs, towers.loss, chunk)
    return loss.item(), [p.grad for p in towers.parameters()], towers


@pytest.mark.parametrize("chunk", [1, 3, 5, 9, 10, 64])
def test_the_cached_gradient_is_the_gradient(chunk):
    loss, whole, _ = gradients(None)
    cached_loss, cached, _ = gradients(chunk)
    assert cached_loss == pytest.approx(loss, abs=1e-12)
    for gradient, expected in zip(cached, whole, strict=True):
        torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=1e-9)


def test_dropout_draws_the_same_both_times_and_anew_for_each_chunk():
    towers = gradients(5, dropout=0.5)[2]
    first, second, again_first, again_second = towers.encoded
    torch.testing.assert_close(again_first, first, atol=0, rtol=0)
    torch.testing.assert_close(again_second, second, atol=0, rtol=0)


def test_gradients_are_added_to_what_is_there():
    towers = Towers()
    inputs = (torch.randn(10, 6).double(), torch.randn(10, 6).double())
    backward(towers.encode, inputs, towers.loss, 4)
    once = towers.scale.grad.clone()
    backward(towers.encode, inputs, towers.loss, 4)
    torch.testing.assert_close(towers.scale.grad, 2 * once)


def test_a_cached_run_is_the_run(tmp_path):
    whole = trained(tmp_path / "whole", recipe(epochs=3, batch=32))
    cached = trained(tmp_path / "cached", recipe(epochs=3, batch=32, cache_chunk=8))
    for figure, expected in zip(figures(cached), figures(whole), strict=True):
        assert figure == pytest.approx(expected, rel=1e-4)
