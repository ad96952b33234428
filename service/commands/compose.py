"""`vlclip compose`: a harder copy of a catalogue, with the truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlclip.ingestion.datasets.composed import CompositionPlan, Split, compose_catalogue
from vlclip.service.commands.options import Encoding, Json
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def compose(
    source: Annotated[
        str, typer.Argument(help="The catalogue to make harder, with photos on a plain background.")
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write catalogue/ and truth.jsonl to.")],
    *,
    clutter: Annotated[
        bool, typer.Option(help="Place each product among three others on a busy background.")
    ] = True,
    spoil: Annotated[
        bool, typer.Option(help="Spoil the titles: slogans, repetition, codes, or no product type.")
    ] = False,
    split: Annotated[
        Split,
        typer.Option(
            help="Only the ids that training keeps back (validation), or only the others (training)."
        ),
    ] = "all",
    limit: Annotated[int | None, typer.Option(help="How many items to write.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes other scenes.", min=0)] = 7,
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    encoding: Encoding = "",
    json: Json = False,
) -> None:
    """Write a harder copy of a catalogue: cluttered photos with known boxes, spoiled titles."""
    plan = CompositionPlan(
        source,
        map or [],
        split=split,
        limit=limit,
        clutter=clutter,
        spoil=spoil,
        seed=seed,
        encoding=encoding,
    )
    composed = compose_catalogue(plan, folder, Settings.load())
    if json:
        print_json({
            "catalogue": str(composed.catalogue), "truth": str(composed.truth),
            "written": composed.written, "left_out": composed.left_out,
        })  # fmt: skip
        return
    if composed.left_out:
        err.print(
            f"{composed.left_out:,} items without a photo on a plain background, or a title, are left out"
        )
    out.print(
        f"{composed.written:,} products in {composed.catalogue}, what is true of them in {composed.truth}"
    )
