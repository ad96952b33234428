"""From settings to a grounder, in the library that runs it best here.

Laws (tests/engine/grounding/test_loading.py):
- a grounder with a graph is run by ONNX Runtime on a CPU, and PyTorch is not imported for it;
- what is not installed is named together with the command that installs it.
"""

from __future__ import annotations

from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.encoding.loading import Runtime
from vlclip.engine.errors import EncoderError
from vlclip.engine.extras import MODELS, needing
from vlclip.engine.grounding.dino import DinoGrounder, Network, Prepare
from vlclip.engine.grounding.folders import GrounderFolder, find_grounder, name_of
from vlclip.engine.grounding.grounder import Grounder
from vlclip.engine.grounding.onnx_dino import has_graph, load_onnx
from vlclip.engine.machine import cores_here
from vlclip.engine.settings import Grounding


def load_grounder(grounding: Grounding, device: str, runtime: Runtime = "auto") -> Grounder | None:
    """Load the grounder these settings name, onto `device`; None for "off".

    Errors: `EncoderError` for a model that cannot be found, downloaded, loaded or run by this library;
    `MissingExtra` where PyTorch is needed and not installed.
    """
    files = find_grounder(grounding.model)
    if files is None:
        return None
    network, prepare = _load(files, device, runtime, grounding.short_side)
    return DinoGrounder(name_of(files, grounding.short_side), network, prepare, batch=grounding.batch)


def _load(
    files: GrounderFolder, device: str, runtime: Runtime, short_side: int | None
) -> tuple[Network, Prepare]:
    transformers = files.backend == "transformers"
    if transformers and runtime != "torch" and device in ("auto", "cpu") and has_graph(files.path):
        return load_onnx(files.path, cores_here(), short_side)
    if runtime == "onnx":
        raise EncoderError(
            f"the grounder {files.name!r} has no ONNX graph for device={device}; write a folder with one: "
            f"vlclip export-model {files.name} FOLDER, then grounding.model=FOLDER"
        )
    with needing(MODELS, f"the grounder {files.name!r}"):
        if transformers:
            from vlclip.engine.grounding.transformers import load_transformers  # noqa: PLC0415 - takes seconds

            return load_transformers(files.path, pick_device(device), short_side)
        from vlclip.engine.grounding.original import load_original  # noqa: PLC0415 - an extra

        return load_original(files.path, pick_device(device), short_side)
