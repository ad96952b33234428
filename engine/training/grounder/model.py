"""The model of a grounder's run: made from its recipe, and exported in transformers' files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
)

from vlclip.engine.disk import whole_folder, write_whole
from vlclip.engine.encoding.model_files import WEIGHTS, check_target, model_folder
from vlclip.engine.errors import EncoderError, TrainingError
from vlclip.engine.grounding.transformers import quiet_transformers
from vlclip.engine.training.grounder.phrases import Prompts
from vlclip.engine.training.grounder.recipe import GroundingRecipe

START_SCALE = 0.1
"""Of the text's last normalisation: dot products of 128 features start near 1 instead of near 10."""
SHORT_SIDE, LONG_SIDE = 128, 160
"""Sides of a resized photo in pixels, as in training."""


def new_model(folder: Path, recipe: GroundingRecipe) -> tuple[Any, Prompts]:
    """The model of a run, its backbone taken from a CLIP where the recipe names one."""
    vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    try:
        configuration = json.loads(json.dumps(recipe.model))
        parts: dict[str, Any] = {
            name: AutoConfig.for_model(configuration[name].pop("model_type"), **configuration.pop(name))
            for name in ("backbone_config", "text_config")
        }
        parts["text_config"].vocab_size = max(vocabulary.values()) + 1
        model: Any = GroundingDinoForObjectDetection(GroundingDinoConfig(**configuration, **parts))
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"the recipe's model is not a Grounding DINO configuration: {error}") from None
    with torch.no_grad():
        nn.init.eye_(model.model.enc_output.weight)  # the selection starts with the encoder's own features
        model.model.encoder.layers[-1].text_enhancer_layer.layer_norm_after.weight.mul_(START_SCALE)
    if recipe.backbone is not None:
        _take_backbone(model, recipe.backbone)
    for parameter in model.parameters():
        parameter.requires_grad_(True)  # noqa: FBT003 - torch's own signature
    return model, Prompts(BertTokenizer(vocab=vocabulary), recipe.mean, recipe.std)


def check_output(target: Path, run_folder: Path) -> None:
    """`EncoderError` where the model of a run may not be written; asked before it takes hours."""
    if target.resolve() == run_folder.resolve():
        raise EncoderError(f"{target} is the folder of the run; name another one for the model")
    check_target(target, replaces=True)


def export_grounder(run_folder: Path, target: Path, *, half: bool = True) -> None:
    """Write a run's model to `target` in transformers' files; `half` stores weights as float16.

    An earlier export there is replaced. `EncoderError` for a folder with anything else.
    """
    check_output(target, run_folder)
    recipe = GroundingRecipe.model_validate_json((run_folder / "recipe.json").read_text(encoding="utf-8"))
    checkpoint = torch.load(run_folder / "checkpoint.pt", map_location="cpu", weights_only=False)
    model, prompts = new_model(run_folder, recipe.model_copy(update={"backbone": None}))
    model.load_state_dict(checkpoint["model"])
    images = GroundingDinoImageProcessor(
        size={"shortest_edge": SHORT_SIDE, "longest_edge": LONG_SIDE}, image_mean=list(recipe.mean),
        image_std=list(recipe.std), do_pad=True,
    )  # fmt: skip
    processor: Any = GroundingDinoProcessor(images, prompts.tokenizer)  # type: ignore[no-untyped-call]
    with whole_folder(target) as written:
        with quiet_transformers():
            (model.half() if half else model).save_pretrained(written)
        processor.save_pretrained(written)
        for name in ("recipe.json", "history.json"):
            if (run_folder / name).exists():
                write_whole(written / name, (run_folder / name).read_bytes())


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
    trunk = model.model.backbone.conv_encoder.model._backbone  # noqa: SLF001 - transformers' wrapper of timm
    missing, _ = trunk.load_state_dict(state, strict=False)
    if missing:
        raise TrainingError(f"the image tower of {clip!r} does not fit the backbone: no {missing[0]}")
