"""Train a small Grounding DINO on scenes whose boxes are known. Reads top to bottom.

A run is a folder: `recipe.json`, `checkpoint.pt` (written whole, so a killed run goes on where it
was), `history.json`. `export` writes the model in transformers' own files, loadable by folder.
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
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
)

from vlclip.engine.encoding.model_files import WEIGHTS, model_folder
from vlclip.engine.errors import TrainingError
from vlclip.engine.grounding.transformers import quiet_transformers
from vlclip.engine.training.grounder.composites import Pixels
from vlclip.engine.training.grounder.loss import Targets, box_iou, corners, grounding_loss
from vlclip.engine.training.grounder.naming import learn_names
from vlclip.engine.training.grounder.phrases import Prompts, learn_vocabulary
from vlclip.engine.training.grounder.recipe import GroundingRecipe
from vlclip.engine.training.grounder.scenes import CANVASES, Labelled, Product, Prompted, ask, composite
from vlclip.engine.training.run import pace, resume, save

Report = Callable[[dict[str, float]], None]

START_SCALE = 0.1
"""Of the text's last normalisation: dot products of 128 features start near one instead of near ten."""
NAMED = ("model.backbone.", "model.input_proj_vision.", "model.text_backbone.", "model.text_projection.")
"""What is taught names first, and changes slowly afterwards."""
SHORT_SIDE, LONG_SIDE = 128, 160
"""Pixels a photo is brought to, as in training."""


@dataclass(slots=True)
class Material:
    """What there is to learn from: cut-out products, textures for backgrounds, whole scenes."""

    products: Sequence[Product]
    textures: Sequence[Pixels]
    scenes: Sequence[Labelled] = ()

    @property
    def types(self) -> list[str]:
        """The first name of every product, once."""
        named = {product.names[0] for product in self.products}
        return sorted(named | {names[0] for scene in self.scenes for names in scene.names})

    @property
    def phrases(self) -> list[str]:
        """Every name of every product, once."""
        named = [product.names for product in self.products]
        named += [names for scene in self.scenes for names in scene.names]
        return sorted({name for names in named for name in names})


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
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    written.write_text(recipe.model_dump_json(indent=1), encoding="utf-8")


def train_grounder(
    run: GroundingRun,
    material: Material,
    held: Sequence[Prompted] = (),
    report: Report = lambda _: None,
) -> dict[str, float]:
    """Train until `recipe.steps` are done; the figures at the end.

    `report` hears of progress about every ten steps and, at every checkpoint, of how well the first
    phrase of each `held` scene is found.
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
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout, the same in a run that was stopped
        batch = [ask(scene, phrases, rng) for scene in draw_scenes(material, recipe, rng)]
        photos, tokens, targets = collate(batch, prompts, device)
        model.train()
        boxes, logits, outputs = _forward(model, photos, tokens)
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
            if held:
                figures |= box_figures(*_answers(model.eval(), prompts, held))
            run.history.append(figures)
            save(run, model, optimizer, step)
            report({"saved": 1.0, **figures})
            losses, began = [], time.monotonic()
    return run.history[-1]


def draw_scenes(material: Material, recipe: GroundingRecipe, rng: np.random.Generator) -> list[Labelled]:
    """Scenes of one size: composites, or whole ones where there are some."""
    if material.scenes and rng.random() < recipe.drawn_share:
        first = material.scenes[int(rng.integers(len(material.scenes)))].photo.shape
        alike = [scene for scene in material.scenes if scene.photo.shape == first]
        scenes = [_mirrored(alike[i], rng) for i in rng.integers(len(alike), size=recipe.batch)]
    else:
        size = CANVASES[int(rng.choice(len(CANVASES), p=[share for _, share in CANVASES]))][0]
        scenes = [composite(material.products, material.textures, size, rng) for _ in range(recipe.batch)]
    return scenes


def collate(
    batch: Sequence[Prompted], prompts: Prompts, device: torch.device
) -> tuple[Tensor, dict[str, Tensor], Targets]:
    """Photos `(n, 3, h, w)`, tokens, and what is true of them."""
    pixels = torch.from_numpy(np.stack([one.scene.photo for one in batch])).to(device)
    photos = prompts.normalise(pixels.permute(0, 3, 1, 2).float() / 255)
    tokens, spans = prompts.tokens([one.phrases for one in batch])
    height, width = photos.shape[2:]
    most = max(len(one.scene.boxes) for one in batch)
    boxes = torch.full((len(batch), most, 4), 0.5)
    named = torch.zeros(len(batch), most, tokens["input_ids"].shape[1])
    real = torch.zeros(len(batch), most, dtype=torch.bool)
    scale = torch.tensor([width, height, width, height], dtype=torch.float32)
    for row, one in enumerate(batch):
        wanted = np.flatnonzero(one.named.any(axis=1))
        for place, product in enumerate(wanted):
            x0, y0, x1, y1 = (torch.from_numpy(one.scene.boxes[product]) / scale).tolist()
            boxes[row, place] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])
            real[row, place] = True
            for phrase in np.flatnonzero(one.named[product]):
                named[row, place, spans[row][phrase]] = 1.0
    on_device = {name: tensor.to(device) for name, tensor in tokens.items()}
    return (
        photos.contiguous(memory_format=torch.channels_last),
        on_device,
        Targets(boxes.to(device), named.to(device), real.to(device)),
    )


def new_model(folder: Path, recipe: GroundingRecipe) -> tuple[Any, Prompts]:
    """The model of a run, its backbone taken from a CLIP where the recipe names one."""
    vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    try:
        given = json.loads(json.dumps(recipe.model))
        parts: dict[str, Any] = {
            name: AutoConfig.for_model(given[name].pop("model_type"), **given.pop(name))
            for name in ("backbone_config", "text_config")
        }
        parts["text_config"].vocab_size = max(vocabulary.values()) + 1
        model: Any = GroundingDinoForObjectDetection(GroundingDinoConfig(**given, **parts))
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"the recipe's model is not a Grounding DINO configuration: {error}") from None
    with torch.no_grad():
        nn.init.eye_(model.model.enc_output.weight)  # the selection starts with what the encoder says
        model.model.encoder.layers[-1].text_enhancer_layer.layer_norm_after.weight.mul_(START_SCALE)
    if recipe.backbone is not None:
        _take_backbone(model, recipe.backbone)
    for parameter in model.parameters():
        parameter.requires_grad_(True)  # noqa: FBT003 - torch's own signature
    return model, Prompts(BertTokenizer(vocab=vocabulary), recipe.mean, recipe.std)


def export_grounder(run_folder: Path, target: Path, *, half: bool = True) -> None:
    """Write a run's model to `target` in transformers' files; `half` stores weights as float16."""
    recipe = GroundingRecipe.model_validate_json((run_folder / "recipe.json").read_text(encoding="utf-8"))
    checkpoint = torch.load(run_folder / "checkpoint.pt", map_location="cpu", weights_only=False)
    model, prompts = new_model(run_folder, recipe.model_copy(update={"backbone": None}))
    model.load_state_dict(checkpoint["model"])
    target.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        (model.half() if half else model).save_pretrained(target)
    images = GroundingDinoImageProcessor(
        size={"shortest_edge": SHORT_SIDE, "longest_edge": LONG_SIDE}, image_mean=list(recipe.mean),
        image_std=list(recipe.std), do_pad=True,
    )  # fmt: skip
    both: Any = GroundingDinoProcessor(images, prompts.tokenizer)  # type: ignore[no-untyped-call]
    both.save_pretrained(target)
    for name in ("recipe.json", "history.json"):
        if (run_folder / name).exists():
            (target / name).write_bytes((run_folder / name).read_bytes())


@torch.no_grad()
def find(
    model: Any, prompts: Prompts, photos: Sequence[Pixels], phrases: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """The best box of each photo for its phrase, as shares `(n, 4)` of its sides, and its score `(n,)`.

    Photos are of one size.
    """
    pixels = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() / 255
    tokens, spans = prompts.tokens([[phrase] for phrase in phrases])
    device = next(model.parameters()).device
    boxes, logits, _ = _forward(
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


def box_figures(found: Tensor, true: Tensor) -> dict[str, float]:
    """Mean IoU and share of boxes `(n, 4)` that overlap the true ones by at least a half."""
    iou, _ = box_iou(found, true)
    return {"iou": float(iou.mean()), "right": float((iou >= 0.5).float().mean())}


def _teach_names(run: GroundingRun, model: Any, prompts: Prompts, material: Material, report: Report) -> None:
    """The first part of a run, kept in `named.pt` so that it is not done twice."""
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

    def told(step: int, loss: float) -> None:
        losses.append(loss)
        if step % 10 == 0:
            report({"step": step, "steps": recipe.naming_steps, "naming": float(np.mean(losses[-50:]))})

    learn_names(
        model, draw, prompts, material.types, steps=recipe.naming_steps, lr=recipe.naming_lr, report=told
    )
    torch.save({name: part for name, part in model.state_dict().items() if name.startswith(NAMED)}, path)


def _answers(model: Any, prompts: Prompts, held: Sequence[Prompted]) -> tuple[Tensor, Tensor]:
    """Boxes found for the first phrase of each scene and the true ones, as shares of the sides."""
    found, true = [], []
    for begin in range(0, len(held), 50):
        part = held[begin : begin + 50]
        photos, phrases = [one.scene.photo for one in part], [one.phrases[0] for one in part]
        found.append(find(model, prompts, photos, phrases)[0])
        for one in part:
            height, width = one.scene.photo.shape[:2]
            box = one.scene.boxes[int(np.flatnonzero(one.named[:, 0])[0])]
            true.append(torch.from_numpy(box / np.array([width, height, width, height], dtype=np.float32)))
    return torch.cat(found), torch.stack(true)


def _forward(model: Any, photos: Tensor, tokens: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor], Any]:
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


def _mirrored(scene: Labelled, rng: np.random.Generator) -> Labelled:
    if rng.random() < 0.5:
        return scene
    width = scene.photo.shape[1]
    boxes = scene.boxes.copy()
    boxes[:, [0, 2]] = width - scene.boxes[:, [2, 0]]
    return Labelled(np.ascontiguousarray(scene.photo[:, ::-1]), boxes, scene.names)


def _take_backbone(model: Any, clip: str) -> None:
    folder = model_folder(clip)
    if folder is None:
        raise TrainingError(f"backbone {clip!r} is neither a shipped CLIP nor a folder with one")
    prefix = "visual.trunk."
    state = {
        name.removeprefix(prefix): tensor.float()
        for name, tensor in load_file(folder / WEIGHTS).items()
        if name.startswith(prefix)
    }
    own = model.model.backbone.conv_encoder.model._backbone  # noqa: SLF001 - transformers' wrapper of timm
    missing, _ = own.load_state_dict(state, strict=False)
    if missing:
        raise TrainingError(f"the image tower of {clip!r} does not fit the backbone: no {missing[0]}")


def _groups(model: nn.Module, recipe: GroundingRecipe) -> list[dict[str, Any]]:
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith(NAMED), parameter.ndim >= 2), []).append(parameter)
    return [
        {
            "params": parameters,
            "most": recipe.named_lr if is_named else recipe.lr,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (is_named, decays), parameters in groups.items()
    ]
