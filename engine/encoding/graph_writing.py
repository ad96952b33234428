"""ONNX graphs of PyTorch modules beside their weights: see `vlclip.engine.encoding.onnx_files`.

PyTorch's exporter names each weight as the model does. Each becomes a tensor inside the `.safetensors` file,
at its offset, and a cast to single precision, which ONNX Runtime folds when it opens the graph. A weight that
has another name in the file, as transformers gives to those of a Swin, is looked for by its numbers. Zeros
that the exporter computes as biases of convolutions stand in the way of its fusions, so they are taken out.

Laws (tests/engine/encoding/test_graph_writing.py, tests/engine/encoding/test_onnx_clip.py,
tests/engine/grounding/test_export.py):
- the graphs hold no weight of the file, whatever it is called there.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from vlclip.engine.disk import write_whole
from vlclip.engine.encoding.clip import quiet_open_clip
from vlclip.engine.encoding.onnx_files import LAYOUT, read_layout
from vlclip.engine.errors import EncoderError

STORED = {"F32": 1, "F16": 10, "BF16": 16}
"""ONNX's numbers for the types of safetensors that can be cast."""
FLOAT = STORED["F32"]
SMALL = 65_536
"""Bytes of constants of a model that are in no file and go into its graph."""

Example = tuple[Mapping[str, Tensor], Mapping[str, set[int]]]
"""Inputs of a graph by name, and which of their dimensions may have any size."""


def write_graph(
    module: nn.Module,
    example: Example,
    outputs: Sequence[str],
    path: Path,
    weights: Path,
    notes: Mapping[str, str],
    *,
    fold: bool = False,
) -> None:
    """Write a module, given inputs of the kind it takes, beside the weights of the model it is of.

    `fold` computes what depends on no input or weight; it pays where models compute much with sizes.
    ValueError for a large tensor that is not among the weights; the exporter's own errors.
    """
    import onnx  # noqa: PLC0415 - of the extra `models`

    inputs, free = example
    any_size = torch.export.Dim.DYNAMIC
    with _quiet(), TemporaryDirectory() as folder:
        exported = Path(folder) / "graph.onnx"
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            exported,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple(dict.fromkeys(free[name], any_size) for name in inputs),
            dynamo=True,
            optimize=False,  # ONNX Runtime does that itself
            verbose=False,
        )
        model = onnx.load(exported)
        tensors, start, digest = read_layout(weights)
        if fold:
            model = _folded(model)
    _point_to_file(model.graph, _by_weight(module, tensors, weights), start, weights.name)
    _take_out_computed_biases(model.graph)
    _take_out_unread(model.graph)
    _strip(model)
    for key, value in {LAYOUT: digest, **notes}.items():
        model.metadata_props.add(key=key, value=value)
    write_whole(path, model.SerializeToString())


@contextmanager
def exporting(model: str, graphs: Sequence[Path]) -> Iterator[None]:
    """Around the writing of a model's graphs: what fails leaves none of them, and is an `EncoderError`."""
    try:
        yield
    except BaseException as error:
        for graph in graphs:
            graph.unlink(missing_ok=True)
        if isinstance(error, EncoderError) or not isinstance(error, Exception):
            raise
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise EncoderError(f"{model} cannot be exported: {reason}") from error


def _folded(model: Any) -> Any:
    """The model with constants computed, but none from weights: those would be in no file."""
    from onnx import helper  # noqa: PLC0415
    from onnxscript import optimizer  # noqa: PLC0415

    weights = [weight for weight in model.graph.initializer if "." in weight.name]
    others = [weight for weight in model.graph.initializer if "." not in weight.name]
    inputs = list(model.graph.input)
    unknown = [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in weights]
    del model.graph.initializer[:]
    model.graph.initializer.extend(others)
    model.graph.input.extend(unknown)
    folded = optimizer.optimize(model)
    del folded.graph.input[:]
    folded.graph.input.extend(inputs)
    folded.graph.initializer.extend(weights)
    return folded


def _by_weight(module: nn.Module, tensors: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """The tensors of the file by the names that a module has for them; some have several."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    weights = parameters | dict(module.named_buffers(remove_duplicate=False))
    entries = {name: entry for name in weights if (entry := _entry(name, tensors)) is not None}
    same = {id(weights[name]): entry for name, entry in entries.items()}
    tied = {name: same[id(value)] for name, value in weights.items() if id(value) in same}
    if parameters.keys() <= tied.keys():
        return tied
    with safe_open(file, framework="pt") as opened:
        by_numbers = {_numbers(opened.get_tensor(name)): entry for name, entry in tensors.items()}
    renamed = {name: by_numbers.get(_numbers(weights[name])) for name in weights.keys() - tied.keys()}
    return tied | {name: entry for name, entry in renamed.items() if entry is not None}


def _numbers(weight: Tensor) -> tuple[torch.Size, bytes]:
    """What two weights have in common where they are one and the same."""
    numbers = weight.detach().to(torch.float32).contiguous().numpy()
    return weight.shape, hashlib.sha256(numbers.tobytes()).digest()


def _point_to_file(graph: Any, tensors: Mapping[str, Any], start: int, file: str) -> None:
    """Let each weight be read from the file; ValueError for a large one that is not there."""
    from onnx import TensorProto, helper  # noqa: PLC0415

    weights, casts = [], []
    for weight in graph.initializer:
        entry = tensors.get(weight.name)
        if entry is None or entry["dtype"] not in STORED:
            if len(weight.raw_data) > SMALL:
                raise ValueError(f"the tensor {weight.name} is in no file")
            weights.append(weight)
            continue
        begin, end = entry["data_offsets"]
        stored = TensorProto(name=f"{weight.name} stored", data_type=STORED[entry["dtype"]])
        stored.dims.extend(entry["shape"])
        stored.data_location = TensorProto.EXTERNAL
        for key, value in {"location": file, "offset": start + begin, "length": end - begin}.items():
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
