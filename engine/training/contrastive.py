"""Train or fine-tune a CLIP on photo-text pairs. Reads top to bottom.

A run is a folder: `recipe.json`, `checkpoint.pt` (written whole each epoch, so a killed run goes on
where it was), `history.json`, and the model itself in open_clip's own files, loadable by folder.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.clip import load_clip, quiet_open_clip, save_clip
from engine.errors import TrainingError
from engine.model_files import CONFIG, FINGERPRINTED, NOTES, WEIGHTS, model_folder
from engine.space import Floats
from engine.text_tower import encode_text
from engine.training.loss import contrastive_loss, shared_labels
from engine.training.pairs import Pairs, augment_photos, batch_texts, split, write_text
from engine.training.recipe import Recipe
from engine.training.retrieval import text_to_image
from engine.training.tokenizer import train_tokenizer

MAX_LOGIT_SCALE = math.log(100)

Report = Callable[[dict[str, float]], None]


@dataclass(slots=True)
class Run:
    """One training run in `folder`; `train` starts or resumes it."""

    folder: Path
    recipe: Recipe
    device: str = "cpu"
    history: list[dict[str, float]] = field(default_factory=list)


def start(folder: Path, recipe: Recipe, texts: list[str]) -> None:
    """Lay out a run: the model to start from, a vocabulary learned from `texts`, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "recipe.json"
    if written.exists():
        if Recipe.model_validate_json(written.read_text(encoding="utf-8")) != recipe:
            raise TrainingError(f"{folder} holds a run of another recipe; give another folder")
        return
    if recipe.model is not None:
        model = json.loads(json.dumps(recipe.model))
        if recipe.vocab_size is not None:
            size = train_tokenizer(texts, recipe.vocab_size, folder)
            model["text_cfg"] |= {
                "vocab_size": size, "hf_tokenizer_name": "here", "pool_type": "eos", "eos_id": 2,
            }  # fmt: skip
        config = {"model_cfg": model, "preprocess_cfg": recipe.preprocess}
        (folder / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
    elif (source := model_folder(str(recipe.init))) is not None:
        for file in source.iterdir():
            if file.suffix in FINGERPRINTED and file.name not in NOTES:
                shutil.copy(file, folder / file.name)
    else:
        save_clip(load_clip(str(recipe.init), "cpu"), folder)
    written.write_text(recipe.model_dump_json(indent=1), encoding="utf-8")


def train(run: Run, pairs: Pairs, report: Report = lambda _: None) -> dict[str, float]:
    """Train until `recipe.epochs` are done; the figures of the last epoch.

    `report` hears of progress about every ten steps and of the held-out figures every epoch.
    """
    recipe, device = run.recipe, torch.device(run.device)
    training, validation = split(pairs, recipe.validation_share)
    per_step = recipe.batch * recipe.accumulate
    if len(training) < per_step:
        raise TrainingError(
            f"{len(training)} training pairs are fewer than the {per_step} of one step; lower `batch`"
        )
    torch.manual_seed(recipe.seed)
    model, tokenizer, normalise = _load(run)
    model.to(device=device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(_groups(model, recipe), lr=recipe.lr, betas=recipe.betas)
    steps_per_epoch = len(training) // per_step
    total = steps_per_epoch * recipe.epochs
    step = _resume(run, model, optimizer)

    for epoch in range(step // steps_per_epoch, recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        order = rng.permutation(len(training))
        model.train()
        began, losses = time.monotonic(), []
        for micro in range(steps_per_epoch * recipe.accumulate):
            rows = order[micro * recipe.batch : (micro + 1) * recipe.batch]
            photos = _photos(training, rows, device)
            photos = normalise(augment_photos(photos, recipe.augment, generator))
            texts, labels = batch_texts([training.fields[i] for i in rows], recipe, rng)
            with _autocast(device):
                images = nn.functional.normalize(model.encode_image(photos), dim=-1)
                words = encode_text(model, tokenizer(texts).to(device))
            loss = contrastive_loss(
                images.float(), words.float(), model.logit_scale.exp(), shared_labels(labels).to(device)
            )
            (loss / recipe.accumulate).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item())
            if (micro + 1) % recipe.accumulate:
                continue
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, recipe)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
            step += 1
            if step % 10 == 0:
                report({"step": step, "steps": total, "loss": float(np.mean(losses[-50:]))})
        figures: dict[str, float] = {
            "epoch": epoch + 1, "loss": float(np.mean(losses)), "seconds": time.monotonic() - began,
        }  # fmt: skip
        if len(validation):
            figures |= validate(model, tokenizer, normalise, validation, device)
        run.history.append(figures)
        _save(run, model, optimizer, step)
        report(figures)
    return run.history[-1]


@torch.no_grad()
def validate(
    model: nn.Module,
    tokenizer: Any,
    normalise: Callable[[Tensor], Tensor],
    held: Pairs,
    device: torch.device,
) -> dict[str, float]:
    """Titles finding their own photos among the held-out ones."""
    model.eval()
    titles = [write_text("{title}", item) for item in held.fields]
    images, words = [], []
    for begin in range(0, len(held), 256):
        rows = np.arange(begin, min(begin + 256, len(held)))
        with _autocast(device):
            image = model.encode_image(normalise(_photos(held, rows, device)))  # type: ignore[operator]
            word = encode_text(model, tokenizer([titles[i] for i in rows]).to(device))
        images.append(nn.functional.normalize(image.float(), dim=-1).cpu().numpy())
        words.append(word.float().cpu().numpy())
    return text_to_image(_stack(words), _stack(images), titles)


def learning_rate(step: int, total: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < recipe.warmup_steps:
        return recipe.lr * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, total - recipe.warmup_steps)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def export(run_folder: Path, target: Path, *, half: bool = True) -> None:
    """Copy a run's model to `target` in open_clip's files; `half` stores weights as float16."""
    checkpoint = torch.load(run_folder / "checkpoint.pt", map_location="cpu", weights_only=False)
    target.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor
        for name, tensor in checkpoint["model"].items()
    }
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, target / WEIGHTS)
    for file in run_folder.iterdir():
        if file.suffix in (".json", ".txt", ".model"):
            shutil.copy(file, target / file.name)


def _load(run: Run) -> tuple[Any, Any, Callable[[Tensor], Tensor]]:
    name = f"local-dir:{run.folder}"
    with quiet_open_clip():
        model = open_clip.create_model(name)
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


def _save(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    state = {
        "model": {name: tensor.cpu() for name, tensor in model.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "step": step,
        "history": run.history,
    }
    part = run.folder / "checkpoint.part"
    torch.save(state, part)
    part.replace(run.folder / "checkpoint.pt")
    (run.folder / "history.json").write_text(json.dumps(run.history, indent=1), encoding="utf-8")


def _resume(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    path = run.folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location=run.device, weights_only=False)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    run.history[:] = state["history"]
    return int(state["step"])


def _stack(rows: list[Any]) -> Floats:
    return np.concatenate(rows).astype(np.float32)
