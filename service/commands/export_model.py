"""`vlclip export-model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlclip.engine.encoding.model_files import folder_fingerprint
from vlclip.engine.extras import MODELS, needing
from vlclip.engine.grounding.folders import grounder_name, is_grounder
from vlclip.engine.settings import Grounding
from vlclip.service.commands.options import Json
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong


@says_what_went_wrong
def export_model(
    name: Annotated[
        str, typer.Argument(help="As the setting clip or grounding.model: a name, hf-hub:NAME, a folder.")
    ],
    folder: Annotated[Path, typer.Argument(help="New folder to write.")],
    *,
    json: Json = False,
) -> None:
    """Write a model as a folder of ONNX graphs and weights that needs no PyTorch.

    A CLIP is the same model to every store: the folder carries the fingerprint of what it was made from.
    """
    if is_grounder(name):
        _export_grounder(name, folder, json=json)
        return
    with needing(MODELS, "exporting a model"):
        from vlclip.engine.encoding import export  # noqa: PLC0415 - loading torch takes seconds

    with err.status(f"loading and exporting {name}"):
        export.export_model(name, folder)
    fingerprint, size = folder_fingerprint(folder)
    if json:
        print_json({"folder": str(folder), "fingerprint": fingerprint, "size": size})
    else:
        out.print(f'{folder}: vectors of {size}, fingerprint {fingerprint}; use it with clip = "{folder}"')


def _export_grounder(name: str, folder: Path, *, json: bool) -> None:
    with needing(MODELS, "exporting a grounder"):
        from vlclip.engine.grounding.export import export_grounder  # noqa: PLC0415 - loading torch takes seconds

    with err.status(f"loading and exporting {name}"):
        export_grounder(name, folder)
    called = grounder_name(Grounding(model=str(folder)))
    if json:
        print_json({"folder": str(folder), "grounder": called})
    else:
        out.print(f'{folder}: {called}; use it with grounding.model = "{folder}"')
