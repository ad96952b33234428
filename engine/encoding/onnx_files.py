"""ONNX graphs beside the weights of a model: one file of weights for PyTorch and for ONNX Runtime.

A graph names the tensors inside the `.safetensors` file by their offsets, so it holds no weights itself and
is some tens of kilobytes; `engine/encoding/graphs.py` writes it. It lies in the folder of the weights, as
ONNX Runtime demands, and carries a hash of their layout: beside weights of another layout it is refused.

Laws (tests/engine/encoding/test_onnx_clip.py):
- graphs beside other weights than their own are refused, never run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlclip.engine.errors import EncoderError

LAYOUT = "vlclip.layout"
"""The key of a graph's metadata that holds the hash of the layout of its weights."""


def read_layout(weights: Path) -> tuple[Mapping[str, Any], int, str]:
    """The tensors of a `.safetensors` file by name, where its data begins, and a hash of all that."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    tensors = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
    return tensors, 8 + length, hashlib.sha256(header).hexdigest()[:16]


def open_graph(graph: Path, weights: Path, threads: int) -> Any:
    """A session of ONNX Runtime over a graph and the weights beside it, on the CPU.

    Errors: `EncoderError` where they do not belong together.
    """
    import onnxruntime  # noqa: PLC0415 - a tenth of a second

    fatal = 4
    onnxruntime.set_default_logger_severity(fatal)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = fatal  # errors are raised as well
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the cores
    # batches are of all sizes; memory kept for the next one is no faster than memory taken anew
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        layout = session.get_modelmeta().custom_metadata_map.get(LAYOUT)
    except Exception as error:  # it raises classes of its own, for damaged files and for wrong offsets
        raise EncoderError(f"{graph} cannot be run: {str(error).strip().partition(chr(10))[0]}") from error
    if layout != read_layout(weights)[2]:
        raise EncoderError(
            f"{graph} was made for other weights than {weights.name} beside it; delete it, or write the "
            "folder anew with vlclip export-model"
        )
    return session
