"""The loss of a small Grounding DINO, over every encoder token and over the decoder's queries.

The loss that transformers ships gives the two-stage selection no gradient (the encoder's boxes are
detached and its logits are taken from the learned queries), and for every photo of a batch but the
first it reads the token map of the second one. Both matter little when a released checkpoint is tuned, and a
lot when a small model starts from nothing. So this loss is our own:

- encoder tokens: one product has many (SimOTA, Ge et al. 2021, 2107.08430), so that the selection
  learns from the first step on;
- decoder queries: one product has one (Carion et al. 2020, 2005.12872), in every layer;
- both: a token of the phrase should say the IoU its box reaches, every other token zero
  (quality focal loss, Li et al. 2020, 2006.04388).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

L1_WEIGHT, GIOU_WEIGHT = 5.0, 2.0
MOST_TOKENS = 10
"""Encoder tokens whose IoUs, added up, say how many of them one product gets."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The true boxes and words of a batch of `n` photos with up to `g` products and `t` text tokens.

    `boxes` `(n, g, 4)` centre x, y, width, height as shares of the photo; `tokens` `(n, g, t)` 1
    where a token names the product; `real` `(n, g)` False where a row is only padding.
    """

    boxes: Tensor
    tokens: Tensor
    real: Tensor


def grounding_loss(outputs: Any, boxes: list[Tensor], logits: list[Tensor], targets: Targets) -> Tensor:
    """The loss of one batch, a scalar.

    `outputs` are transformers' own, for the encoder; `boxes` `(n, q, 4)` and `logits` `(n, q, t)`
    are those of each decoder layer.
    """
    width = targets.tokens.shape[2]
    coordinates = outputs.enc_outputs_coord_logits.sigmoid()
    named = outputs.enc_outputs_class[..., :width]
    total = _layer(coordinates, named, targets, _match_several(coordinates, named, targets))
    for box, logit in zip(boxes, logits, strict=True):
        chosen = logit[..., :width]
        total = total + _layer(box, chosen, targets, _match_one_to_one(box, chosen, targets))
    return total


def corners(boxes: Tensor) -> Tensor:
    """Centre, width, height `(..., 4)` to x0, y0, x1, y1."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def box_iou(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes `(..., 4)` as corners, broadcast."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = (first[..., 2:] - first[..., :2]).clamp(min=0).prod(dim=-1) + (
        second[..., 2:] - second[..., :2]
    ).clamp(min=0).prod(dim=-1)
    union = (areas - shared).clamp(min=1e-9)
    hull = (
        torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    ).prod(dim=-1)
    iou = shared / union
    return iou, iou - (hull - union) / hull.clamp(min=1e-9)


def _layer(boxes: Tensor, logits: Tensor, targets: Targets, matched: Tensor) -> Tensor:
    """Loss of predictions `(n, q, ·)` of which `matched` `(n, q)` names the product, -1 for none."""
    has = matched >= 0
    pairs = matched.clamp(min=0)
    aim = targets.boxes.gather(1, pairs[..., None].expand(-1, -1, 4))
    words = targets.tokens.gather(1, pairs[..., None].expand(-1, -1, targets.tokens.shape[2]))
    iou, giou = box_iou(corners(boxes), corners(aim))
    quality = (iou.detach().clamp(0, 1) * has)[..., None] * words
    possible = torch.isfinite(logits)
    raw = logits.masked_fill(~possible, 0.0)
    wrong = (raw.sigmoid() - quality).abs().square()
    naming = functional.binary_cross_entropy_with_logits(raw, quality, reduction="none") * wrong * possible
    count = has.sum().clamp(min=1)
    share = quality.detach().amax(dim=-1).clamp(min=0.1) * has  # good boxes teach most about boxes
    placing = L1_WEIGHT * (boxes - aim).abs().sum(dim=-1) + GIOU_WEIGHT * (1 - giou)
    return 4.0 * naming.sum() / count + (placing * share).sum() / share.sum().clamp(min=0.1)


@torch.no_grad()
def _costs(boxes: Tensor, logits: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Cost of giving each product to each prediction, and their IoU, both `(n, q, g)`."""
    iou, giou = box_iou(corners(boxes)[:, :, None], corners(targets.boxes)[:, None])
    chance = logits.masked_fill(~torch.isfinite(logits), -20.0).sigmoid()
    words = targets.tokens / targets.tokens.sum(dim=-1, keepdim=True).clamp(min=1)
    named = chance @ words.transpose(1, 2)
    distance = torch.cdist(boxes, targets.boxes, p=1)
    return 2.0 * (1 - named) + L1_WEIGHT * distance + GIOU_WEIGHT * (1 - giou), iou


@torch.no_grad()
def _match_one_to_one(boxes: Tensor, logits: Tensor, targets: Targets) -> Tensor:
    """The product of each prediction, one-to-one at the least cost: `(n, q)`, -1 for none."""
    costs, _ = _costs(boxes, logits, targets)
    matched = torch.full(boxes.shape[:2], -1, dtype=torch.long, device=boxes.device)
    for row, (cost, real) in enumerate(zip(costs.cpu().numpy(), targets.real.cpu().numpy(), strict=True)):
        products = real.nonzero()[0]
        predictions, chosen = linear_sum_assignment(cost[:, products])
        matched[row, torch.from_numpy(predictions)] = torch.from_numpy(products[chosen]).to(boxes.device)
    return matched


@torch.no_grad()
def _match_several(boxes: Tensor, logits: Tensor, targets: Targets) -> Tensor:
    """The product of each prediction, several of the cheapest for each: `(n, q)`, -1 for none."""
    costs, iou = _costs(boxes, logits, targets)
    costs = costs.masked_fill(~targets.real[:, None], float("inf"))
    most = min(MOST_TOKENS, costs.shape[1])
    counts = iou.topk(most, dim=1).values.sum(dim=1).round().clamp(1, most).long()  # (n, g)
    cheapest = costs.topk(most, dim=1, largest=False)
    within_count = torch.arange(most, device=costs.device)[None, :, None] < counts[:, None, :]
    assigned = torch.zeros_like(costs, dtype=torch.bool).scatter(1, cheapest.indices, within_count)
    assigned &= targets.real[:, None]
    best = costs.masked_fill(~assigned, float("inf"))
    return torch.where(assigned.any(dim=2), best.argmin(dim=2), -1)
