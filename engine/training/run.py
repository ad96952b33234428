"""A training run as a folder, from which a stopped run goes on.

    recipe.json               the settings of the run
    open_clip_config.json     the architecture, in open_clip's own words, and the tokenizer's files
    checkpoint.pt             weights, optimizer, step and history; written whole or not at all
    history.json              figures per epoch

`export` makes a model of it that loads by folder, `add_graphs` one that is served without PyTorch, in the
run's own folder or another.
"""

from __future__ import annotations

import json
import math
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import open_clip
import torch
from safetensors.torch import save_file
from torch import nn

from vlclip.engine.disk import whole_file, whole_folder, write_whole
from vlclip.engine.encoding.clip import load_clip, quiet_open_clip, save_clip
from vlclip.engine.encoding.export import write_tokenizer
from vlclip.engine.encoding.graphs import write_graphs
from vlclip.engine.encoding.model_files import CONFIG, NOTES, WEIGHTS, check_target, model_folder
from vlclip.engine.encoding.onnx_clip import IMAGE_GRAPH, TEXT_GRAPH
from vlclip.engine.encoding.tokenizing import FILE
from vlclip.engine.errors import EncoderError, TrainingError
from vlclip.engine.training.processes import Processes
from vlclip.engine.training.recipe import Recipe, read_recipe
from vlclip.engine.training.tokenizer import train_tokenizer

CHECKPOINT = "checkpoint.pt"
MODEL = ".model"
"""Folder in a run's, of its model until all of it is written."""
DESCRIBING = (".json", ".txt", ".model")
"""Files that describe a model, beside its weights."""


@dataclass(slots=True)
class TrainingRun:
    """One training run in `folder`, of one process or of several that share it."""

    folder: Path
    recipe: Recipe
    device: str = "cpu"
    history: list[dict[str, float]] = field(default_factory=list)
    processes: Processes = field(default_factory=Processes)


def start(folder: Path, recipe: Recipe, texts: list[str]) -> None:
    """Lay out a run: the model to start from, a vocabulary learned from `texts`, and the recipe.

    Errors: `TrainingError` if the folder holds a run of another recipe, `EncoderError` if `init` is
    no model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "recipe.json"
    if written.exists():
        if read_recipe(written) != recipe:
            raise TrainingError(f"{folder} holds a run of another recipe; give another folder")
        return
    if recipe.model is not None:
        _lay_out_new(folder, recipe, texts)
    else:
        _lay_out_existing(folder, str(recipe.init))
    if not (folder / FILE).is_file():
        with quiet_open_clip():
            write_tokenizer(open_clip.get_tokenizer(f"local-dir:{folder}"), folder)
    write_whole(written, recipe.model_dump_json(indent=1))


def source_folder(name: str) -> Path | None:
    """The folder `init` names, a model's or an earlier run's; None for names open_clip resolves."""
    run = Path(name.removeprefix("local-dir:")).expanduser()
    return run if (run / CHECKPOINT).is_file() else model_folder(name)


class RunState(Protocol):
    """The parts of a run that a checkpoint saves and restores, whatever the run trains."""

    folder: Path
    device: str
    history: list[dict[str, float]]


def pace(step: int, total: int, warmup: int) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def save(run: RunState, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Write a checkpoint of a run, in place of the last one."""
    _write(
        run.folder,
        {
            "model": {name: tensor.cpu() for name, tensor in model.state_dict().items()},
            "optimizer": optimizer.state_dict(),
            "step": step,
            "history": run.history,
        },
    )
    write_whole(run.folder / "history.json", json.dumps(run.history, indent=1))


def resume(run: RunState, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load the checkpoint, or the weights to start from; the number of finished steps."""
    if not (run.folder / CHECKPOINT).exists():
        return 0
    state = _read(run.folder, run.device)
    model.load_state_dict(state["model"])
    if state["optimizer"] is not None:
        optimizer.load_state_dict(state["optimizer"])
    run.history[:] = state["history"]
    return int(state["step"])


def export(
    run_folder: Path, target: Path, *, half: bool = True, finish: Callable[[Path], None] = lambda _: None
) -> None:
    """Write a run's model to `target` in open_clip's files; `half` stores weights as float16.

    An earlier export there is replaced. `finish` adds to the folder before anybody sees it. `EncoderError`
    for a folder with anything else.
    """
    is_own = target.resolve() == run_folder.resolve()
    if not is_own:
        check_target(target, replaces=True)
    state = _read(run_folder)["model"]
    weights = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in state.items()
    }
    with whole_folder(target / MODEL if is_own else target) as written:
        save_file(weights, written / WEIGHTS)
        _copy_description(run_folder, written, notes=True)
        finish(written)
    if is_own:
        for name in (WEIGHTS, IMAGE_GRAPH, TEXT_GRAPH):  # the model has graphs with the last of them
            if (target / MODEL / name).exists():
                (target / MODEL / name).replace(target / name)
            else:
                (target / name).unlink(missing_ok=True)
        shutil.rmtree(target / MODEL)


def add_graphs(folder: Path, name: str) -> None:
    """Write ONNX graphs into the folder of an exported model: then it is served without PyTorch.

    `name` is what errors call it.

    Errors: `EncoderError` for a model that cannot have them; PyTorch still serves it.
    """
    if not (folder / FILE).is_file():
        raise EncoderError(f"its tokenizer is not written as {FILE}")
    clip = load_clip(str(folder), "cpu")
    clip.name = name
    write_graphs(clip, folder)


def _lay_out_new(folder: Path, recipe: Recipe, texts: list[str]) -> None:
    model = json.loads(json.dumps(recipe.model))
    if recipe.vocab_size is not None:
        size = train_tokenizer(texts, recipe.vocab_size, folder)
        model["text_cfg"] |= {
            "vocab_size": size, "hf_tokenizer_name": "here", "pool_type": "eos", "eos_id": 2,
        }  # fmt: skip
    config = {"model_cfg": model, "preprocess_cfg": recipe.preprocess}
    write_whole(folder / CONFIG, json.dumps(config, indent=1))


def _lay_out_existing(folder: Path, init: str) -> None:
    source = source_folder(init)
    if source is not None and (source / CHECKPOINT).is_file():  # newer than weights that lie beside it
        weights = _read(source)["model"]
    else:
        clip = load_clip(init, "cpu")
        weights = clip.model.state_dict()
    if source is not None:
        _copy_description(source, folder)
    else:
        save_clip(clip, folder, weights=False)
    _write(folder, {"model": weights, "optimizer": None, "step": 0, "history": []})


def _copy_description(source: Path, target: Path, *, notes: bool = False) -> None:
    for file in source.iterdir():
        if file.suffix in DESCRIBING and (notes or file.name not in NOTES):
            write_whole(target / file.name, file.read_bytes())


def _write(folder: Path, state: dict[str, Any]) -> None:
    with whole_file(folder / CHECKPOINT, "wb") as file:
        torch.save(state, file)


def _read(folder: Path, device: str = "cpu") -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(folder / CHECKPOINT, map_location=device, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{folder / CHECKPOINT} is not a checkpoint of a run: {error}") from None
    return state
