"""Train a small Grounding DINO on scenes whose boxes are known. Reads top to bottom.

A run is a folder: `recipe.json`, `checkpoint.pt` (written whole, so a killed run goes on where it was),
`history.json`. `export_grounder` (`model.py`) writes the model in transformers' own files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vlclip.engine.disk import whole_file, write_whole
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.grounder.answers import answers_for, box_figures, forward
from vlclip.engine.training.grounder.loss import grounding_loss
from vlclip.engine.training.grounder.material import Material, collate, draw_scenes
from vlclip.engine.training.grounder.model import new_model
from vlclip.engine.training.grounder.naming import learn_names
from vlclip.engine.training.grounder.phrases import Prompts, learn_vocabulary
from vlclip.engine.training.grounder.recipe import GroundingRecipe
from vlclip.engine.training.grounder.scenes import Labelled, Prompted, prompt_for
from vlclip.engine.training.run import pace, resume, save

ReportProgress = Callable[[dict[str, float]], None]

NAMING_PARTS = (
    "model.backbone.",
    "model.input_proj_vision.",
    "model.text_backbone.",
    "model.text_projection.",
)
"""The parts that learn names first, and change slowly afterwards."""


@dataclass(slots=True)
class GroundingRun:
    """One training run in `folder`; `train_grounder` starts or resumes it."""

    folder: Path
    recipe: GroundingRecipe
    device: str = "cpu"
    history: list[dict[str, float]] = field(default_factory=list)


def start_grounder(folder: Path, recipe: GroundingRecipe, phrases: Sequence[str]) -> None:
    """Lay out a run: the recipe, and a vocabulary learned from `phrases`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "recipe.json"
    if written.exists():
        if GroundingRecipe.model_validate_json(written.read_text(encoding="utf-8")) != recipe:
            raise TrainingError(f"{folder} holds a run of another recipe; give another folder")
        return
    vocabulary = learn_vocabulary(phrases, recipe.vocab_size)
    write_whole(folder / "vocabulary.json", json.dumps(vocabulary, ensure_ascii=False))
    write_whole(written, recipe.model_dump_json(indent=1))


def train_grounder(
    run: GroundingRun,
    material: Material,
    held_out: Sequence[Prompted] = (),
    report: ReportProgress = lambda _: None,
) -> dict[str, float]:
    """Train until `recipe.steps` are done; the figures at the end.

    `report` is called with the progress about every ten steps and, at every checkpoint, with how well the
    first phrase of each `held_out` scene is found.
    """
    recipe, device = run.recipe, torch.device(run.device)
    torch.manual_seed(recipe.seed)
    model, prompts = new_model(run.folder, recipe)
    model.to(device)
    optimizer = torch.optim.AdamW(_groups(model, recipe), betas=(0.9, 0.98))
    step = resume(run, model, optimizer)
    phrases = material.phrases
    if step == 0 and recipe.naming_steps:
        _teach_names(run, model, prompts, material, report)
    losses: list[float] = []
    began = time.monotonic()
    while step < recipe.steps:
        rng = np.random.default_rng([recipe.seed, step])
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout, the same in a resumed run
        batch = [prompt_for(scene, phrases, rng) for scene in draw_scenes(material, recipe, rng)]
        photos, tokens, targets = collate(batch, prompts, device)
        model.train()
        boxes, logits, outputs = forward(model, photos, tokens)
        loss = grounding_loss(outputs, boxes, logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = group["most"] * pace(step, recipe.steps, recipe.warmup_steps)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        if step % 10 == 0:
            report({"step": step, "steps": recipe.steps, "loss": float(np.mean(losses[-50:]))})
        if step % recipe.save_every == 0 or step == recipe.steps:
            figures: dict[str, float] = {
                "step": step, "loss": float(np.mean(losses)), "seconds": time.monotonic() - began,
            }  # fmt: skip
            if held_out:
                figures |= box_figures(*answers_for(model.eval(), prompts, held_out))
            run.history.append(figures)
            save(run, model, optimizer, step)
            report({"saved": 1.0, **figures})
            losses, began = [], time.monotonic()
    return run.history[-1]


def _teach_names(
    run: GroundingRun, model: Any, prompts: Prompts, material: Material, report: ReportProgress
) -> None:
    """The first part of a run; its result is in `named.pt`, so that it is not repeated."""
    recipe, path = run.recipe, run.folder / "named.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, map_location=run.device, weights_only=True), strict=False)
        return

    def draw(step: int) -> tuple[Tensor, list[Labelled]]:
        scenes = draw_scenes(material, recipe, np.random.default_rng([recipe.seed, 1, step]))
        pixels = torch.from_numpy(np.stack([scene.photo for scene in scenes])).permute(0, 3, 1, 2)
        photos = prompts.normalise(pixels.to(run.device).float() / 255)
        return photos.contiguous(memory_format=torch.channels_last), scenes

    losses: list[float] = []

    def note_loss(step: int, loss: float) -> None:
        losses.append(loss)
        if step % 10 == 0:
            report({"step": step, "steps": recipe.naming_steps, "naming": float(np.mean(losses[-50:]))})

    learn_names(
        model, draw, prompts, material.types, steps=recipe.naming_steps, lr=recipe.naming_lr, report=note_loss
    )
    naming = {name: part for name, part in model.state_dict().items() if name.startswith(NAMING_PARTS)}
    with whole_file(path, "wb") as file:
        torch.save(naming, file)


def _groups(model: nn.Module, recipe: GroundingRecipe) -> list[dict[str, Any]]:
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith(NAMING_PARTS), parameter.ndim >= 2), []).append(parameter)
    return [
        {
            "params": parameters,
            "most": recipe.named_lr if is_named else recipe.lr,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (is_named, decays), parameters in groups.items()
    ]
