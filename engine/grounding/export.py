"""`vlclip export-model` of a grounder: a folder that ONNX Runtime runs without PyTorch.

Laws (tests/engine/grounding/test_export.py):
- what cannot be exported leaves no folder behind.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from vlclip.engine.disk import whole_folder
from vlclip.engine.encoding.model_files import check_target
from vlclip.engine.errors import EncoderError
from vlclip.engine.grounding.folders import find_grounder
from vlclip.engine.grounding.graphs import write_grounder_graph
from vlclip.engine.grounding.transformers import load_transformers

COPIED = (".json", ".txt", ".safetensors")


def export_grounder(name: str, folder: Path) -> None:
    """Write the grounder `name` into a new folder: its files and its graph.

    Errors: `EncoderError` for a folder that is not empty, a model that cannot be loaded or exported.
    """
    check_target(folder)
    files = find_grounder(name)
    if files is None or files.backend == "original":
        raise EncoderError(
            f"{name!r} is no model of transformers; convert an original checkpoint first (docs/grounding.md)"
        )
    network, _ = load_transformers(files.path, "cpu")
    with whole_folder(folder) as written:
        for file in files.path.iterdir():
            if file.suffix in COPIED:
                shutil.copyfile(file, written / file.name)
        write_grounder_graph(network, written)
