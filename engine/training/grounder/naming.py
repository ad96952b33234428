"""Teach a grounder the names of products, before it learns to find them.

From scratch, a small Grounding DINO learns to draw boxes in minutes, but takes hours to learn which of them
fits the phrase: it learns that only from the few boxes of one photo, one phrase at a time. So the backbone,
the text side and the projections between them are first trained as a classifier: the features inside each
true box, at every scale, against the names of all product types at once. That costs a fifth of a full step
and gives a hundred-way answer for every product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align
from transformers.models.grounding_dino.modeling_grounding_dino import (
    generate_masks_with_special_tokens_and_transfer_map,
)

from vlclip.engine.training.grounder.phrases import Prompts
from vlclip.engine.training.grounder.scenes import Labelled

SHARPNESS = 0.1
"""Scale of dot products between normalised features of about 128 numbers."""


def naming_loss(
    model: Any, photos: Tensor, scenes: Sequence[Labelled], prompts: Prompts, names: Sequence[str]
) -> Tensor:
    """Cross-entropy of each true box's name among all `names`, averaged over the backbone's scales.

    `photos` `(n, 3, h, w)` are normalised; boxes of `scenes` are in their pixels.
    """
    words = functional.layer_norm(phrase_features(model, prompts, names), (model.config.d_model,))
    number = {name: row for row, name in enumerate(names)}
    targets = torch.tensor([number[box_names[0]] for scene in scenes for box_names in scene.names])
    boxes = [torch.from_numpy(scene.boxes).to(photos.device) for scene in scenes]
    mask = torch.ones(len(photos), *photos.shape[2:], device=photos.device)
    features, _ = model.model.backbone(photos, mask)
    losses = []
    for level, (feature, _) in enumerate(features):
        projected = model.model.input_proj_vision[level](feature)
        scale = projected.shape[3] / photos.shape[3]
        inside = roi_align(
            projected, boxes, output_size=1, spatial_scale=scale, sampling_ratio=3, aligned=True
        )
        box_features = functional.layer_norm(inside[:, :, 0, 0], (model.config.d_model,))
        losses.append(functional.cross_entropy(SHARPNESS * box_features @ words.T, targets.to(photos.device)))
    return torch.stack(losses).mean()


def phrase_features(model: Any, prompts: Prompts, phrases: Sequence[str]) -> Tensor:
    """The text side's features of each phrase on its own, averaged over its tokens: `(phrases, d_model)`."""
    tokens, spans = prompts.tokens([[phrase] for phrase in phrases])
    device = next(model.parameters()).device
    ids: Any = tokens["input_ids"].to(device)
    attention, positions = generate_masks_with_special_tokens_and_transfer_map(
        ids, special_tokens=model.model.special_tokens
    )
    encoded = model.model.text_backbone(ids, attention[:, None], torch.zeros_like(ids), positions)
    projected = model.model.text_projection(encoded.last_hidden_state)
    return torch.stack([row[span[0]].mean(dim=0) for row, span in zip(projected, spans, strict=True)])


def learn_names(
    model: Any,
    draw: Callable[[int], tuple[Tensor, Sequence[Labelled]]],
    prompts: Prompts,
    names: Sequence[str],
    *,
    steps: int,
    lr: float,
    report: Callable[[int, float], None],
) -> None:
    """Train the backbone, the text side and their projections for `steps` batches from `draw`."""
    body = model.model
    parts = nn.ModuleList([body.backbone, body.input_proj_vision, body.text_backbone, body.text_projection])
    optimizer = torch.optim.AdamW(parts.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1, pct_start=0.1)
    model.train()
    for step in range(steps):
        photos, scenes = draw(step)
        loss = naming_loss(model, photos, scenes, prompts, names)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step + 1, loss.item())
