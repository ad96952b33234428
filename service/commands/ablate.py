"""`vlclip ablate`: what the crop, the refined text and a tuned model are worth on a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.ranking.evaluation.ablation.picture import check_picture, draw_ablation
from vlclip.service.ablation.plan import AblationPlan
from vlclip.service.ablation.run import run_ablation
from vlclip.service.commands.options import Device, Encoding, Grounder, Json
from vlclip.service.reports.ablation import print_report, report_json
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def ablate(
    source: Annotated[str, typer.Argument(help="The catalogue to measure on, as for ingest.")],
    *,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="File of true boxes, scenes and clean titles.",
            show_default="truth.jsonl beside the catalogue",
        ),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="The CLIP that everything is compared with.", show_default="clip")
    ] = None,
    tuned: Annotated[
        str | None, typer.Option(help="Another CLIP to compare, such as one fine-tuned from the base.")
    ] = None,
    grounder: Grounder = None,
    refine: Annotated[
        Literal["off", "fields", "llm"] | None,
        typer.Option(
            help="Who writes the refined texts.", show_default="refinement.mode, or fields if that is off"
        ),
    ] = None,
    split: Annotated[
        Literal["all", "validation"],
        typer.Option(help="validation: only the tenth of the ids that training keeps back."),
    ] = "all",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", help="Use only this many items, the first ones.", min=1)
    ] = None,
    slice: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Also show rows for each value of this field; repeatable."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute",
            help="Field to predict from photos with prompts; repeatable.",
            show_default="colour, usage and product type",
        ),
    ] = None,
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    encoding: Encoding = "",
    picture: Annotated[
        Path | None, typer.Option(help="Also draw HITS@5 of each row to this .png, .svg or .pdf.")
    ] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Measure every combination of photo (full, crop, true box), text (raw, refined) and model."""
    if picture is not None:
        check_picture(picture)
    plan = AblationPlan(
        source=source, truth=truth, tuned=tuned, split=split, limit=limit, slices=tuple(slice or ()),
        attributes=tuple(attribute or ()), mapping=tuple(map or ()), encoding=encoding,
    )  # fmt: skip
    settings = ablation_settings(base, grounder, refine, device)
    if settings.grounding.model == "off":
        err.print("no grounder is named, so there are no rows for crops; name one with --grounder")
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=err,
    ) as bar:  # fmt: skip
        task = bar.add_task("models", total=None)
        report = run_ablation(
            plan,
            settings,
            lambda stage, completed, total: bar.update(
                task, description=stage, completed=completed, total=total
            ),
        )
    if picture is not None:
        draw_ablation(report.ablation, picture, title="/".join(Path(source).parts[-2:]))
    if json:
        print_json(report_json(report))
    else:
        print_report(report, out)


def ablation_settings(
    base: str | None, grounder: str | None, refine: str | None, device: str | None
) -> Settings:
    """The settings with the options applied; texts are refined from the fields if nothing says how."""
    mode = refine or Settings.load().refinement.mode
    return Settings.load(
        clip=base,
        device=device,
        grounding=None if grounder is None else {"model": grounder},
        refinement={"mode": "fields" if refine is None and mode == "off" else mode},
    )
