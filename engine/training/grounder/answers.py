"""The answers of a grounder: boxes and logits of its layers, the best box of a photo, their figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vlclip.engine.training.grounder.composites import Pixels
from vlclip.engine.training.grounder.loss import box_iou, corners
from vlclip.engine.training.grounder.phrases import Prompts
from vlclip.engine.training.grounder.scenes import Prompted


def forward(model: Any, photos: Tensor, tokens: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor], Any]:
    """Boxes and logits of every decoder layer, and the model's own outputs, for the encoder's."""
    outputs = model.model(pixel_values=photos, **tokens)
    boxes, logits = [], []
    mask = tokens["attention_mask"].bool()
    for layer in range(outputs.intermediate_hidden_states.shape[1]):
        hidden = outputs.intermediate_hidden_states[:, layer]
        earlier = outputs.intermediate_reference_points[:, layer - 1]
        reference = earlier if layer else outputs.init_reference_points
        logits.append(model.class_embed[layer](hidden, outputs.encoder_last_hidden_state_text, mask))
        boxes.append((model.bbox_embed[layer](hidden) + torch.special.logit(reference, eps=1e-5)).sigmoid())
    return boxes, logits, outputs


@torch.no_grad()
def find_boxes(
    model: Any, prompts: Prompts, photos: Sequence[Pixels], phrases: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """The best box of each photo for its phrase, as shares `(n, 4)` of its sides, and its score `(n,)`.

    Photos are of one size.
    """
    pixels = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() / 255
    tokens, spans = prompts.tokens([[phrase] for phrase in phrases])
    device = next(model.parameters()).device
    boxes, logits, _ = forward(
        model,
        prompts.normalise(pixels).to(device, memory_format=torch.channels_last),
        {name: tensor.to(device) for name, tensor in tokens.items()},
    )
    scores = torch.stack(
        [row[:, span[0]].amax(dim=1) for row, span in zip(logits[-1].sigmoid(), spans, strict=True)]
    )
    best = scores.argmax(dim=1)
    rows = torch.arange(len(best))
    return corners(boxes[-1][rows, best]).cpu(), scores[rows, best].cpu()


def box_figures(boxes: Tensor, truth: Tensor) -> dict[str, float]:
    """Mean IoU and share of boxes `(n, 4)` that overlap the true ones by at least a half."""
    iou, _ = box_iou(boxes, truth)
    return {"iou": float(iou.mean()), "right": float((iou >= 0.5).float().mean())}


def answers_for(model: Any, prompts: Prompts, scenes: Sequence[Prompted]) -> tuple[Tensor, Tensor]:
    """Boxes found for the first phrase of each scene and the true ones, as shares of the sides."""
    boxes, truth = [], []
    for begin in range(0, len(scenes), 50):
        part = scenes[begin : begin + 50]
        photos = [prompted.scene.photo for prompted in part]
        phrases = [prompted.phrases[0] for prompted in part]
        boxes.append(find_boxes(model, prompts, photos, phrases)[0])
        for prompted in part:
            height, width = prompted.scene.photo.shape[:2]
            box = prompted.scene.boxes[int(np.flatnonzero(prompted.named[:, 0])[0])]
            truth.append(torch.from_numpy(box / np.array([width, height, width, height], dtype=np.float32)))
    return torch.cat(boxes), torch.stack(truth)
