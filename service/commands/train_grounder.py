"""`vlclip train-grounder`: train a small Grounding DINO on packshots by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.encoding.devices import pick_device
from vlclip.engine.training.grounder import training as grounding
from vlclip.engine.training.grounder.model import check_output, export_grounder
from vlclip.engine.training.grounder.recipe import read_grounding_recipe
from vlclip.ingestion.datasets.grounder_training import read_material
from vlclip.service.commands.options import Device, Encoding, Json
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def train_grounder(
    recipe: Annotated[Path, typer.Argument(help="JSON recipe; see docs/train.md.")],
    catalogue: Annotated[list[str], typer.Argument(help="Catalogues with packshots, or drawn ones.")],
    *,
    run: Annotated[Path, typer.Option(help="Folder of the run; a stopped run continues there.")] = Path(
        "runs/grounder"
    ),
    output: Annotated[
        Path | None, typer.Option(help="Folder to write the finished model to as well.")
    ] = None,
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    encoding: Encoding = "",
    device: Device = None,
    json: Json = False,
) -> None:
    """Train a small Grounding DINO on scenes composed of a catalogue's own packshots."""
    plan = read_grounding_recipe(recipe)
    if output is not None:
        check_output(output, run)
    settings = Settings.load(device=device)
    grounder_set = read_material(catalogue, map or [], settings, encoding)
    material, held_out = grounder_set.material, grounder_set.held_out
    if grounder_set.left_out:
        err.print(f"{grounder_set.left_out:,} photos without a product on a plain background are left out")
    err.print(
        f"{len(material.products):,} products cut out, {len(material.scenes):,} scenes with boxes, "
        f"{len(held_out):,} scenes kept back"
    )
    grounding.start_grounder(run, plan, material.phrases)
    job = grounding.GroundingRun(run, plan, pick_device(settings.device))
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} steps"),
        TimeRemainingColumn(), console=err,
    )  # fmt: skip
    with bar:
        task = bar.add_task("training", total=plan.steps)

        def report(figures: dict[str, float]) -> None:
            if "saved" in figures:
                names = [name for name in ("loss", "iou", "right") if name in figures]
                summary = "  ".join(f"{name} {figures[name]:.3f}" for name in names)
                bar.console.print(f"step {figures['step']:.0f}  {summary}")
            else:
                part = (
                    "naming" if "naming" in figures else "loss"
                )  # it learns to name types first, then to find boxes
                bar.update(
                    task, completed=figures["step"], total=figures["steps"],
                    description=f"{part} {figures[part]:.2f}",
                )  # fmt: skip

        figures = grounding.train_grounder(job, material, held_out, report)
    if output is not None:
        export_grounder(run, output)
    if json:
        print_json({"history": job.history, **figures})
    else:
        out.print(f"done; the run is in {run}" + (f", the model in {output}" if output else ""))
        if output:
            out.print(f"to serve it without PyTorch: vlclip export-model {output} FOLDER", soft_wrap=True)
