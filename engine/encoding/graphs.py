"""Writes the ONNX graphs of a CLIP beside its weights: see `vlclip.engine.encoding.onnx_files`.

Laws (tests/engine/encoding/test_onnx_clip.py):
- the graphs hold no weight of the file;
- a model whose graphs give other vectors than PyTorch is refused, and nothing is left in its folder.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from vlclip.engine.encoding.clip import Clip
from vlclip.engine.encoding.graph_writing import Example, exporting, write_graph
from vlclip.engine.encoding.model_files import WEIGHTS
from vlclip.engine.encoding.onnx_clip import ARGMAX, END, IMAGE_GRAPH, PADDING, TEXT_GRAPH, OnnxClip
from vlclip.engine.encoding.packing import Pack
from vlclip.engine.encoding.text_tower import (
    encode_pack,
    end_token,
    is_trimmable,
    pack_texts,
    text_tower,
)
from vlclip.engine.errors import EncoderError

TOLERANCE = 1e-5
"""How far a vector's numbers may be from PyTorch's."""
OUTPUT = ("vectors",)
EXAMPLES = ("a photo of a product", "red shoe", "a")


def write_graphs(clip: Clip, folder: Path) -> None:
    """Write `image.onnx` and `text.onnx` into the folder of a loaded model's weights, and try them.

    Errors: `EncoderError` for a model that cannot be exported or gives other vectors.
    """
    weights = folder / WEIGHTS
    model = _copied(clip.model)
    with exporting(repr(clip.name), [folder / IMAGE_GRAPH, folder / TEXT_GRAPH]):
        write_graph(_Images(model.visual), _photos(clip), OUTPUT, folder / IMAGE_GRAPH, weights, {})
        packed = is_trimmable(clip.model)
        module, example = (
            (_Packs(text_tower(model)), _packs(clip)) if packed else (_Texts(model), _texts(clip))
        )
        write_graph(module, example, OUTPUT, folder / TEXT_GRAPH, weights, _notes(clip))
        _check(clip, folder)


class _Images(nn.Module):
    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, photos: Tensor) -> Tensor:
        return functional.normalize(self.visual(photos), dim=-1)


class _Packs(nn.Module):
    """`encode_pack` as a module, because only modules can be exported."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, tokens: Tensor, places: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
        return encode_pack(self.tower, tokens, places, mask, ends)


class _Texts(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.normalize(self.model.encode_text(tokens), dim=-1)


def _photos(clip: Clip) -> Example:
    height, width = clip.prepare(Image.new("RGB", (8, 8))).shape[1:]
    return {"photos": torch.zeros(2, 3, height, width)}, {"photos": {0}}


def _packs(clip: Clip) -> Example:
    (example,) = pack_texts(text_tower(clip.model), clip.tokens(EXAMPLES))
    inputs = {name: torch.from_numpy(value) for name, value in example._asdict().items()}
    return inputs, {name: set(range(inputs[name].dim())) for name in Pack._fields}


def _texts(clip: Clip) -> Example:
    return {"tokens": clip.tokens(EXAMPLES)}, {"tokens": {0}}


def _notes(clip: Clip) -> dict[str, str]:
    notes = {PADDING: str(int(clip.tokens([""])[0, -1]))}
    if is_trimmable(clip.model):
        token = end_token(text_tower(clip.model))
        notes[END] = ARGMAX if token is None else str(token)
    return notes


def _copied(model: Any) -> Any:
    """A model of the same tensors: the exporter takes a module's weights out for a while."""
    weights = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    return deepcopy(model, weights)


def _check(clip: Clip, folder: Path) -> None:
    """Compare with PyTorch, also at other sizes than those of the export."""
    own = OnnxClip(clip.name, folder, 1)
    rng = np.random.default_rng(0)
    height, width = clip.prepare(Image.new("RGB", (8, 8))).shape[1:]
    pixels = rng.integers(0, 256, (3, 3 * height, 2 * width, 3), dtype=np.uint8)
    photos = [Image.fromarray(pixel) for pixel in pixels]
    parts = []
    for rows in (slice(3), slice(2, 3)):
        parts += [
            own.encode_images(photos[rows]) - clip.encode_images(photos[rows]),
            own.encode_texts(EXAMPLES[rows]) - clip.encode_texts(EXAMPLES[rows]),
        ]
    difference = float(np.abs(np.concatenate(parts)).max())  # NaN if there is any
    if not difference <= TOLERANCE:
        raise EncoderError(f"{clip.name!r} gives other vectors when exported, by {difference:.1e}")
