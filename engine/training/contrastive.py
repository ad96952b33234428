"""Train or fine-tune a CLIP on photo-text pairs. Reads top to bottom.

Several processes (torchrun) train as one process would: all draw the same order, texts and changes to
photos, each encodes its share of the batch, and all take the same step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import open_clip
import torch
from torch import Tensor, nn

from vlclip.engine.encoding.clip import quiet_open_clip
from vlclip.engine.encoding.text_tower import encode_text
from vlclip.engine.errors import TrainingError
from vlclip.engine.space import Floats
from vlclip.engine.training.batches import batches
from vlclip.engine.training.gradients import backward
from vlclip.engine.training.likeness import Likeness
from vlclip.engine.training.loss import contrastive_loss, shared_labels
from vlclip.engine.training.pairs import Pairs, augment_photos, batch_texts, split, write_text
from vlclip.engine.training.recipe import Recipe
from vlclip.engine.training.retrieval import text_to_image
from vlclip.engine.training.run import TrainingRun, pace, resume, save

MAX_LOGIT_SCALE = math.log(100)

ReportProgress = Callable[[dict[str, float]], None]


def train(run: TrainingRun, pairs: Pairs, report: ReportProgress = lambda _: None) -> dict[str, float]:
    """Train until `recipe.epochs` are done; the figures of the last epoch.

    `report` is called with the progress about every ten steps and with the held-out figures every epoch; of
    several processes, only in the first.
    """
    recipe, device, group = run.recipe, torch.device(run.device), run.processes
    training, validation = split(pairs, recipe.validation_share)
    _check(recipe, training, group.count)
    torch.manual_seed(recipe.seed)
    model, tokenizer, normalise = _load(run)
    model.to(device=device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(_groups(model, recipe), lr=recipe.lr, betas=recipe.betas)
    steps_per_epoch = len(training) // recipe.batch
    total = steps_per_epoch * recipe.epochs
    step = resume(run, model, optimizer)
    own_rows = group.share(recipe.batch)
    likeness = Likeness(training, recipe.same)
    types = [item.get("product_type", "") for item in training.fields]

    def encode(photos: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        with _autocast(device):
            images = nn.functional.normalize(model.encode_image(photos), dim=-1)
            return images.float(), encode_text(model, tokens).float()

    def loss(targets: Tensor, images: Tensor, words: Tensor) -> Tensor:
        all_vectors = group.gather(torch.cat([images, words], dim=1)).chunk(2, dim=1)
        return contrastive_loss(images, words, model.logit_scale.exp(), targets, all_vectors)

    for epoch in range(step // steps_per_epoch, recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        model.train()
        began, losses = time.monotonic(), []
        for rows in batches(types, recipe.batch, recipe.hard, rng):
            texts, labels = batch_texts([training.fields[i] for i in rows], recipe, rng)
            tokens = tokenizer(texts[own_rows]).to(device)
            photos = _photos(training, rows[own_rows], device)
            photos = normalise(augment_photos(photos, recipe.augment, generator, own_rows, len(rows)))
            targets = shared_labels(likeness.among(rows, labels)[own_rows]).to(device)
            value = backward(encode, (photos, tokens), partial(loss, targets), recipe.cache_chunk)
            group.average([value, *(p.grad for p in model.parameters() if p.grad is not None)])
            losses.append(value.item())
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            for parameters in optimizer.param_groups:
                parameters["lr"] = learning_rate(step, total, recipe)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
            step += 1
            if step % 10 == 0 and group.is_first:
                report({"step": step, "steps": total, "loss": float(np.mean(losses[-50:]))})
        figures: dict[str, float] = {
            "epoch": epoch + 1, "loss": float(np.mean(losses)), "seconds": time.monotonic() - began,
        }  # fmt: skip
        group.average(_statistics(model))
        if group.is_first:
            if len(validation):
                figures |= validate(model, tokenizer, normalise, validation, device)
            run.history.append(figures)
            save(run, model, optimizer, step)
            report(figures)
    return group.from_first(lambda: run.history[-1])


@torch.no_grad()
def validate(
    model: nn.Module,
    tokenizer: Any,
    normalise: Callable[[Tensor], Tensor],
    pairs: Pairs,
    device: torch.device,
) -> dict[str, float]:
    """How well titles find their own photos among held-out pairs."""
    model.eval()
    titles = [write_text("{title}", item) for item in pairs.fields]
    images, words = [], []
    for begin in range(0, len(pairs), 256):
        rows = np.arange(begin, min(begin + 256, len(pairs)))
        with _autocast(device):
            image = model.encode_image(normalise(_photos(pairs, rows, device)))  # type: ignore[operator]
            word = encode_text(model, tokenizer([titles[i] for i in rows]).to(device))
        images.append(nn.functional.normalize(image.float(), dim=-1).cpu().numpy())
        words.append(word.float().cpu().numpy())
    return text_to_image(_stack(words), _stack(images), titles)


def learning_rate(step: int, total: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine to zero."""
    return recipe.lr * pace(step, total, recipe.warmup_steps)


def _check(recipe: Recipe, training: Pairs, processes: int) -> None:
    if len(training) < recipe.batch:
        raise TrainingError(
            f"{len(training)} training pairs are fewer than the {recipe.batch} of one batch; lower `batch`"
        )
    if recipe.batch % processes:
        raise TrainingError(f"{processes} processes cannot share a batch of {recipe.batch} evenly")
    if recipe.hard and not any(item.get("product_type") for item in training.fields):
        raise TrainingError("`hard` batches need product types; name their column: --map product_type=...")


def _statistics(model: nn.Module) -> list[Tensor]:
    """The statistics of BatchNorm, which differ between processes, as their photos do."""
    return [t for name, t in model.named_buffers() if name.endswith(("running_mean", "running_var"))]


def _load(run: TrainingRun) -> tuple[Any, Any, Callable[[Tensor], Tensor]]:
    name = f"local-dir:{run.folder}"
    with quiet_open_clip():
        model = open_clip.create_model(name, pretrained_text=run.recipe.init is None)
    mean, std = model.visual.preprocess_cfg["mean"], model.visual.preprocess_cfg["std"]
    shift = torch.tensor(mean).view(1, 3, 1, 1).to(run.device)
    spread = torch.tensor(std).view(1, 3, 1, 1).to(run.device)
    return model, open_clip.get_tokenizer(name), lambda photos: (photos - shift) / spread


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    return [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]


def _photos(pairs: Pairs, rows: Any, device: torch.device) -> Tensor:
    photos = torch.from_numpy(np.ascontiguousarray(pairs.photos[rows])).to(device)
    return photos.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)


def _autocast(device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def _stack(rows: list[Any]) -> Floats:
    return np.concatenate(rows).astype(np.float32)
