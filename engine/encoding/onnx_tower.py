"""The text tower of a CLIP in ONNX Runtime: the same vectors in full precision for half the processor time.

It releases Python's lock once per pack of texts, not at every operator, so it waits for other threads only
once. The tower is exported from the loaded model when a service starts; no file stays.

Laws (tests/engine/encoding/test_onnx_tower.py):
- vectors equal open_clip's own `encode_text` to 1e-5, whatever the other texts of a batch are;
- a model that cannot be exported is run by PyTorch as before, and one line of the log says why;
- no output of the exporter reaches stdout or stderr, and vectors that other threads encode meanwhile are
  right.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from importlib.util import find_spec
from io import StringIO
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from vlclip.engine.encoding.clip import Clip, quiet_open_clip
from vlclip.engine.encoding.text_tower import Pack, encode_pack, encode_text, is_trimmable, packs, text_tower
from vlclip.engine.errors import EncoderError
from vlclip.engine.space import Floats

log = logging.getLogger("vlclip.encoding")

Runtime = Literal["auto", "torch", "onnx"]
PACKAGES = ("onnxruntime", "onnx", "onnxscript")
"""Of the extra `onnx`; PyTorch exports with the last two."""
TOLERANCE = 1e-5
"""How far a vector's numbers may be from PyTorch's."""
EXAMPLES = ("a photo of a product", "red shoe", "a")


class OnnxTower:
    """The text tower of a loaded CLIP as a session of ONNX Runtime; safe to use from several threads.

    Errors: `EncoderError` for a model whose tower cannot be exported.
    """

    def __init__(self, clip: Clip, threads: int = 1) -> None:
        tower = f"the text tower of {clip.name!r}"
        if clip.device != "cpu":
            raise EncoderError(
                f"{tower} runs on {clip.device}; set device=cpu, or search.query_runtime=torch"
            )
        if not is_trimmable(clip.model):
            raise EncoderError(f"{tower} is not causal or does not pool at an end token")
        self._clip = clip
        self._tower = text_tower(clip.model)
        try:
            # through files: in memory the weights would be there three times, and twice for good
            with _quiet(), TemporaryDirectory() as folder:
                self._session = _session(_export(clip, Path(folder)), threads)
                difference = self._difference()
        except Exception as error:  # PyTorch takes over after any failure in there
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise EncoderError(f"{tower} cannot be exported: {reason}") from error
        if not difference <= TOLERANCE:
            raise EncoderError(f"{tower} gives other vectors when exported, by {difference:.1e}")

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Unit text vectors `(n, size)`, in order."""
        if not texts:
            return np.zeros((0, self._clip.size), dtype=np.float32)
        return self._encode(self._clip.tokens(texts))

    def _encode(self, tokens: Tensor) -> Floats:
        features = [self._session.run(None, pack._asdict())[0] for pack in packs(self._tower, tokens.numpy())]
        return np.concatenate(features)

    def _difference(self) -> float:
        """How far vectors are from PyTorch's own, also at other sizes than those of the export."""
        tokens = self._clip.tokens(EXAMPLES)
        with torch.inference_mode():
            expected = encode_text(self._clip.model, tokens).numpy()
        return max(
            float(np.abs(self._encode(tokens[rows]) - expected[rows]).max())
            for rows in (slice(3), slice(2, 3))
        )


def text_encoder(clip: Clip, runtime: Runtime, threads: int) -> Clip | OnnxTower:
    """The encoder of the texts of a service's queries; `auto` is ONNX Runtime on a CPU, if it is installed.

    Errors: `EncoderError` where `runtime` is `onnx` and it is not installed.
    """
    if runtime == "torch" or (runtime == "auto" and clip.device != "cpu"):
        return clip
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        needs = f"needs {', '.join(missing)}: pip install 'vlclip[onnx]'"
        if runtime == "onnx":
            raise EncoderError(f"search.query_runtime=onnx {needs}")
        log.info("texts are encoded by PyTorch; ONNX Runtime takes half the time and %s", needs)
        return clip
    try:
        return OnnxTower(clip, threads)
    except EncoderError as error:
        log.warning("texts are encoded by PyTorch: %s", error)
        return clip


class _Encoding(nn.Module):
    """`encode_pack` as a module, because only modules can be exported."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, tokens: Tensor, places: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
        return encode_pack(self.tower, tokens, places, mask, ends)


def _export(clip: Clip, folder: Path) -> Path:
    """Write an ONNX model that takes a `Pack` of any size and gives unit vectors."""
    # the exporter takes a module's weights out for a while: a copy's, which are the same tensors
    weights = {id(tensor): tensor for tensor in chain(clip.model.parameters(), clip.model.buffers())}
    tower = text_tower(deepcopy(clip.model, weights))
    (example,) = packs(tower, clip.tokens(EXAMPLES).numpy())
    any_size = torch.export.Dim.DYNAMIC
    model = folder / "tower.onnx"
    torch.onnx.export(
        _Encoding(tower).eval(),
        tuple(map(torch.from_numpy, example)),
        model,
        input_names=Pack._fields,
        dynamic_shapes=({0: any_size}, {0: any_size}, {0: any_size, 1: any_size}, {0: any_size}),
        dynamo=True,
        optimize=False,  # ONNX Runtime does that itself, to 2 % the same and in less time
        verbose=False,
    )
    return model


def _session(model: Path, threads: int) -> Any:
    import onnxruntime  # noqa: PLC0415 - an extra

    silent = 4
    onnxruntime.set_default_logger_severity(silent)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = silent  # errors are raised as well
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the cores
    # packs are of all sizes; memory kept for the next one is no faster than memory taken anew
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


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
