"""`vlclip train`: train a CLIP on a catalogue by a recipe, and write its model folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vlclip.engine.encoding.loading import Runtime
from vlclip.engine.encoding.model_files import check_target
from vlclip.engine.errors import EncoderError
from vlclip.engine.training import contrastive
from vlclip.engine.training.curve import draw_curve
from vlclip.engine.training.pairs import Pairs
from vlclip.engine.training.processes import joined
from vlclip.engine.training.recipe import Recipe, read_recipe
from vlclip.engine.training.run import TrainingRun, add_graphs, export, start
from vlclip.ingestion.datasets.training import TrainingSet, read_pairs
from vlclip.service.commands.options import Device, Encoding, Json
from vlclip.service.reports.terminal import err, out, print_json, says_what_went_wrong
from vlclip.service.settings import Settings


@says_what_went_wrong
def train(
    recipe: Annotated[Path, typer.Argument(help="JSON recipe; see docs/train.md.")],
    catalogue: Annotated[list[str], typer.Argument(help="One or more catalogues, as for ingest.")],
    *,
    run: Annotated[Path, typer.Option(help="Folder of the run; a stopped run continues there.")] = Path(
        "runs/clip"
    ),
    output: Annotated[
        Path | None, typer.Option(help="Folder to write the finished model to as well.")
    ] = None,
    map: Annotated[list[str] | None, typer.Option("--map", help="field=Column, as for ingest.")] = None,
    encoding: Encoding = "",
    device: Device = None,
    json: Json = False,
) -> None:
    """Train or fine-tune a CLIP with the contrastive loss; in several processes with torchrun."""
    plan = read_recipe(recipe)
    if output is not None and output.resolve() != run.resolve():
        check_target(output, replaces=True)  # before it takes hours
    settings = Settings.load(device=device)
    with joined(settings.device) as (processes, place):
        read = partial(read_pairs, catalogue, map or [], plan, settings, encoding)
        pairs = processes.from_first(lambda: _lay_out(run, plan, read))
        job = TrainingRun(run, plan, place, processes=processes)
        figures = _watch(job, pairs) if processes.is_first else contrastive.train(job, pairs)
        if not processes.is_first:
            return
    draw_curve(job.history, run / "curve.png")
    runtimes: list[Runtime] = []
    export(run, output or run, finish=lambda draft: runtimes.append(_make_graphs(draft, output or run)))
    (served_by,) = runtimes
    if json:
        print_json({"history": job.history, **figures, "runtime": served_by})
    else:
        out.print(
            f"done; the model is in {output or run}"
            + (", and needs no PyTorch to serve" if served_by == "onnx" else "")
            + f", the loss curve in {run / 'curve.png'}"
        )


def _make_graphs(draft: Path, folder: Path) -> Runtime:
    """Let ONNX Runtime run the model that is to be in a folder; what will run it."""
    try:
        with err.status("writing its graphs for ONNX Runtime"):
            add_graphs(draft, str(folder))
    except EncoderError as error:
        err.print(f"PyTorch has to run this model: {error}", markup=False, soft_wrap=True)
        return "torch"
    return "onnx"


def _lay_out(run: Path, plan: Recipe, read: Callable[[], TrainingSet]) -> Pairs:
    training_set = read()
    pairs = training_set.pairs
    if training_set.left_out:
        err.print(f"{training_set.left_out:,} rows without a usable photo or text are left out")
    if training_set.grounder:
        err.print(f"{training_set.cropped:,} of {len(pairs):,} photos are cropped by {training_set.grounder}")
    err.print(f"{len(pairs):,} pairs of photo and text")
    start(run, plan, [" ".join(item.values()) for item in pairs.fields])
    return pairs


def _watch(job: TrainingRun, pairs: Pairs) -> dict[str, float]:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} steps"),
        TimeRemainingColumn(), console=err,
    )  # fmt: skip
    with bar:
        task = bar.add_task("training", total=None)

        def report(figures: dict[str, float]) -> None:
            if "epoch" in figures:
                summary = "  ".join(
                    f"{name} {figures[name]:.3f}"
                    for name in ("loss", "hits@1", "hits@5", "mrr")
                    if name in figures
                )
                bar.console.print(f"epoch {figures['epoch']:.0f}  {summary}  {figures['seconds']:.0f} s")
            else:
                bar.update(
                    task,
                    completed=figures["step"],
                    total=figures["steps"],
                    description=f"loss {figures['loss']:.3f}",
                )

        return contrastive.train(job, pairs, report)
