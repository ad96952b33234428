"""`vlclip draw`: write a catalogue of drawn products, to try vlclip or to train a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlclip.ingestion.drawn import write_catalogue
from vlclip.service.commands.options import Json
from vlclip.service.reports.terminal import out, print_json, says_what_went_wrong


@says_what_went_wrong
def draw(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write photos/, catalogue.jsonl and truth.jsonl to.")
    ],
    *,
    count: Annotated[int, typer.Option(help="How many products to draw.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Another seed draws other products.")] = 7,
    json: Json = False,
) -> None:
    """Draw a catalogue: photos, clean and messy titles, prices; the same on every machine."""
    catalogue = write_catalogue(folder, count, seed)
    if json:
        print_json({"catalogue": str(catalogue), "count": count, "seed": seed})
    else:
        out.print(f"{count:,} products in {catalogue}")
