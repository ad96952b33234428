"""Writes the ONNX graphs of a CLIP beside its weights: see `vlclip.engine.encoding.onnx_files`.

PyTorch's exporter names each weight as the model does. Each becomes a tensor inside the `.safetensors` file,
at its offset, and a cast to single precision, which ONNX Runtime folds when it opens the graph. Zeros that
the exporter computes as biases of convolutions stand in the way of its fusions, so they are taken out.

Laws (tests/engine/encoding/test_onnx_clip.py):
- the graphs hold no weight of the file;
- a model whose graphs give other vectors than PyTorch is refused, and nothing is left in its folder.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from io import StringIO
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from vlclip.engine.encoding.clip import Clip, quiet_open_clip
from vlclip.engine.encoding.model_files import WEIGHTS
from vlclip.engine.encoding.onnx_clip import ARGMAX, END, IMAGE_GRAPH, PADDING, TEXT_GRAPH, OnnxClip
from vlclip.engine.encoding.onnx_files import LAYOUT, read_layout
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
EXAMPLES = ("a photo of a product", "red shoe", "a")
STORED = {"F32": 1, "F16": 10, "BF16": 16}
"""ONNX's numbers for the types of safetensors that can be cast."""
FLOAT = STORED["F32"]
SMALL = 65_536
"""Bytes of constants of a model that are in no file and go into its graph."""


def write_graphs(clip: Clip, folder: Path) -> None:
    """Write `image.onnx` and `text.onnx` into the folder of a loaded model's weights, and try them.

    Errors: `EncoderError` for a model that cannot be exported or gives other vectors.
    """
    layout = read_layout(folder / WEIGHTS)
    model = _copied(clip.model)
    try:
        _write(_Images(model.visual), *_photos(clip), folder / IMAGE_GRAPH, layout, {})
        if is_trimmable(clip.model):
            _write(_Packs(text_tower(model)), *_packs(clip), folder / TEXT_GRAPH, layout, _notes(clip))
        else:
            _write(_Texts(model), *_texts(clip), folder / TEXT_GRAPH, layout, _notes(clip))
        _check(clip, folder)
    except BaseException as error:
        for name in (IMAGE_GRAPH, TEXT_GRAPH):
            (folder / name).unlink(missing_ok=True)
        if isinstance(error, EncoderError) or not isinstance(error, Exception):
            raise
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise EncoderError(f"{clip.name!r} cannot be exported: {reason}") from error


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


Example = tuple[dict[str, Tensor], dict[str, set[int]]]
"""Inputs of a graph by name, and which of their dimensions may have any size."""


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


def _write(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    free: Mapping[str, set[int]],
    path: Path,
    layout: tuple[Mapping[str, Any], int, str],
    notes: Mapping[str, str],
) -> None:
    import onnx  # noqa: PLC0415 - of the extra `models`

    any_size = torch.export.Dim.DYNAMIC
    with _quiet(), TemporaryDirectory() as folder:
        exported = Path(folder) / "graph.onnx"
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            exported,
            input_names=list(inputs),
            output_names=["vectors"],
            dynamic_shapes=tuple(dict.fromkeys(free[name], any_size) for name in inputs),
            dynamo=True,
            optimize=False,  # ONNX Runtime does that itself
            verbose=False,
        )
        model = onnx.load(exported)
    tensors, start, digest = layout
    _point_to_file(model.graph, tensors, start)
    _take_out_computed_biases(model.graph)
    _take_out_unread(model.graph)
    _strip(model)
    for key, value in {LAYOUT: digest, **notes}.items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def _point_to_file(graph: Any, tensors: Mapping[str, Any], start: int) -> None:
    """Let each weight be read from the file; ValueError for a large one that is not there."""
    from onnx import TensorProto, helper  # noqa: PLC0415

    weights, casts = [], []
    for weight in graph.initializer:
        entry = _entry(weight.name, tensors)
        if entry is None or entry["dtype"] not in STORED:
            if len(weight.raw_data) > SMALL:
                raise ValueError(f"the tensor {weight.name} is in no file")
            weights.append(weight)
            continue
        begin, end = entry["data_offsets"]
        stored = TensorProto(name=f"{weight.name} stored", data_type=STORED[entry["dtype"]])
        stored.dims.extend(entry["shape"])
        stored.data_location = TensorProto.EXTERNAL
        for key, value in {"location": WEIGHTS, "offset": start + begin, "length": end - begin}.items():
            stored.external_data.add(key=key, value=str(value))
        weights.append(stored)
        casts.append(helper.make_node("Cast", [stored.name], [weight.name], to=FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(weights)
    graph.node.extend(nodes)


def _entry(name: str, tensors: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The tensor of the file that has a weight's name, without the part that the wrapper adds to it."""
    inner = name.partition(".")[2]
    return next((tensors[key] for key in (name, inner, f"text.{inner}") if key in tensors), None)


def _take_out_computed_biases(graph: Any) -> None:
    """Let convolutions be fused with what follows: without a bias they get one, expanded from a zero."""
    expanded = {output for node in graph.node if node.op_type == "Expand" for output in node.output}
    for node in graph.node:
        if node.op_type == "Conv" and expanded.intersection(node.input[2:]):
            del node.input[2]


def _take_out_unread(graph: Any) -> None:
    read = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            nodes.append(node)
            read.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(nodes))
    weights = [weight for weight in graph.initializer if weight.name in read]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _strip(model: Any) -> None:
    """Take out what only people read: most of an exported file."""
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


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


@contextmanager
def _quiet() -> Iterator[None]:
    """No prints, log lines or warnings of the exporter, which reports every step that fails."""
    with (
        quiet_open_clip(),
        redirect_stdout(StringIO()),
        redirect_stderr(StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
