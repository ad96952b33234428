"""Writes the ONNX graph of a Grounding DINO beside its weights: see `vlclip.engine.encoding.onnx_files`.

Two things of transformers' model stand in the way of PyTorch's exporter: it computes which tokens see each
other by operators that ONNX lacks, and it makes tensors of sizes, which become constants. The first is an
input of the graph; the second is replaced while the model is exported.

A Swin cannot be exported: it pads what is no multiple of its patches and windows, and the exporter follows
the example's sizes for good, so its graph is right for photos of few sizes. With the padding made
unconditional, the exporter of PyTorch 2.13 fails on the sizes of windows.

Laws (tests/engine/grounding/test_export.py):
- a model with a Swin is refused before anything is exported;
- the graph holds no weight of the file and takes photos and batches of any size;
- a model whose graph finds other boxes than PyTorch is refused, and nothing is left in its folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.swin.modeling_swin import SwinLayer

from vlclip.engine.encoding.graph_writing import Example, exporting, write_graph
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.onnx_dino import GRAPH, LONGEST, WEIGHTS, OnnxNetwork, phrases
from vlclip.engine.grounding.transformers import TransformersNetwork, quiet_transformers

TOLERANCE = 1e-4
"""How far logits and boxes may be from PyTorch's."""
EXAMPLES = ("shoe.", "red dress.")
SIDES = (96, 128), (128, 96), (64, 131)
"""Heights and widths of the photos that a graph is tried with; the first is exported."""


def write_grounder_graph(network: TransformersNetwork, folder: Path) -> None:
    """Write `grounder.onnx` into the folder of a loaded model's weights, and try it.

    Errors: `EncoderError` for a model that cannot be exported or finds other boxes.
    """
    if any(isinstance(module, SwinLayer) for module in network.model.modules()):
        raise EncoderError(
            "this grounder has a Swin, which pads photos by their sizes; PyTorch's exporter cannot follow "
            "that, so use the grounder as it is, with PyTorch: pip install 'vlclip[models]'"
        )
    if not (folder / WEIGHTS).is_file():
        raise EncoderError(f"the weights of a grounder must be in one file, {folder / WEIGHTS}")
    notes = {LONGEST: str(network.model.config.max_text_len)}
    module = _Grounder(network.model).eval()
    with exporting(f"the grounder in {folder}", [folder / GRAPH]):
        with quiet_transformers(), _exportable(network.model):
            write_graph(
                module,
                _example(network),
                ("logits", "boxes"),
                folder / GRAPH,
                folder / WEIGHTS,
                notes,
                fold=True,
            )
        _check(network, folder)


class _Grounder(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        pixels: Tensor,
        input_ids: Tensor,
        token_type_ids: Tensor,
        attention_mask: Tensor,
        text_mask: Tensor,
        places: Tensor,
    ) -> tuple[Tensor, Tensor]:
        module = sys.modules[type(self.model).__module__]

        def phrases_of(*_: object, **__: object) -> tuple[Tensor, Tensor]:
            return text_mask, places

        with mock.patch.object(module, MASKS, new=phrases_of):
            outputs = self.model(
                pixel_values=pixels,
                input_ids=input_ids,
                token_type_ids=token_type_ids,
                attention_mask=attention_mask,
            )
        return outputs.logits, outputs.pred_boxes


MASKS = "generate_masks_with_special_tokens_and_transfer_map"
"""transformers' function for what `phrases` computes."""


class _Sizes:
    """torch, but for two functions that would make constants of the sizes of photos."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def as_tensor(values: Any, **options: Any) -> Tensor:
        if not (isinstance(values, list) and values and isinstance(values[0], tuple)):
            return torch.as_tensor(values, **options)
        rows = [torch.stack([torch.scalar_tensor(size, **options) for size in row]) for row in values]
        return torch.stack(rows)

    @staticmethod
    def linspace(start: Any, _: Any, steps: Any, **options: Any) -> Tensor:
        places: Tensor = torch.arange(steps, **options) + start  # the model's steps are all 1 apart
        return places


def _nothing(*_: object, **__: object) -> None:
    """In place of a check of numbers, which the exporter cannot follow."""


@contextmanager
def _exportable(model: Any) -> Iterator[None]:
    module = sys.modules[type(model).__module__]
    with (
        mock.patch.object(module, "torch", _Sizes()),
        mock.patch.object(module, "torch_compilable_check", new=_nothing),
    ):
        yield


def _example(network: TransformersNetwork) -> Example:
    words = network.tokens(EXAMPLES)
    mask, places = map(torch.from_numpy, phrases(words["input_ids"].numpy()))
    inputs = {
        "pixels": torch.zeros(len(EXAMPLES), 3, *SIDES[0]),
        **{name: words[name] for name in ("input_ids", "token_type_ids", "attention_mask")},
        "text_mask": mask,
        "places": places,
    }
    free = {name: set(range(value.dim())) for name, value in inputs.items()}
    return inputs, free | {"pixels": {0, 2, 3}}


def _check(network: TransformersNetwork, folder: Path) -> None:
    """Compare with PyTorch, also at other sizes than those of the export."""
    own = OnnxNetwork(folder, 1)
    rng = np.random.default_rng(0)
    differences = []
    for number, sides in enumerate(SIDES, 1):
        pixels = rng.standard_normal((number, 3, *sides), dtype=np.float32)
        prompts = [EXAMPLES[row % 2] for row in range(number)]
        for first, second in zip(own(pixels, prompts), network(pixels, prompts), strict=True):
            differences.append(float(np.abs(first - second).max()))
    worst = float(np.max(differences))  # NaN if there is any
    if not worst <= TOLERANCE:
        raise EncoderError(f"the grounder in {folder} finds other boxes when exported, by {worst:.1e}")
