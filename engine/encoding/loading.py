"""From a name to a CLIP, in the library that runs it best here.

Laws (tests/engine/encoding/test_loading.py):
- a model with graphs is run by ONNX Runtime on a CPU, and PyTorch is not imported for it;
- what is not installed is named together with the command that installs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from PIL import Image

from vlclip.engine.encoding.model_files import model_folder
from vlclip.engine.encoding.onnx_clip import OnnxClip, has_graphs
from vlclip.engine.errors import EncoderError
from vlclip.engine.extras import MODELS, needing
from vlclip.engine.machine import cores_here
from vlclip.engine.space import Floats

Runtime = Literal["auto", "onnx", "torch"]


class ClipEncoder(Protocol):
    """A loaded CLIP, whichever library runs it; safe to use from several threads."""

    name: str
    size: int
    device: str
    runtime: str

    def prepare(self, photo: Image.Image) -> Floats:
        """open_clip's preprocessing of one RGB photo: `(3, height, width)` float32."""
        ...

    def encode_prepared(self, photos: Sequence[Floats]) -> Floats:
        """Unit image vectors `(n, size)` of photos that `prepare` made."""
        ...

    def encode_images(self, photos: Sequence[Image.Image]) -> Floats:
        """Unit image vectors `(n, size)` of RGB photos."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Unit text vectors `(n, size)`, in order."""
        ...

    def reading(self, text: str) -> str:
        """The text as the tokenizer reads it: texts of one reading have the same vectors."""
        ...


def load_encoder(
    name: str, device: str = "auto", runtime: Runtime = "auto", threads: int | None = None
) -> ClipEncoder:
    """Load a shipped name, a folder, `hf-hub:owner/model`, or `architecture/pretrained`.

    `threads` are those of one batch; unset: all processors. Errors: `EncoderError` for a model that cannot be
    found, loaded or run by this library; `MissingExtra` where PyTorch is needed and not installed.
    """
    folder = model_folder(name) if runtime != "torch" and device in ("auto", "cpu") else None
    if folder is not None and has_graphs(folder):
        return OnnxClip(name, folder, threads or cores_here())
    if runtime == "onnx":
        raise EncoderError(
            f"{name!r} has no ONNX graphs for device={device}; write a folder with them: "
            f"vlclip export-model {name} FOLDER, then clip=FOLDER"
        )
    with needing(MODELS, f"the model {name!r}"):
        from vlclip.engine.encoding.clip import load_clip  # noqa: PLC0415 - loading torch takes seconds

    if threads is not None:
        import torch  # noqa: PLC0415

        # with all cores for one batch, each step would wait for a core that works for another request
        torch.set_num_threads(threads)
    return load_clip(name, device)
