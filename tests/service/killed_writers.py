"""Whatever writes a model, a folder or a report, ended at each of its steps, as a killed process is.

    python -m tests.service.killed_writers FOLDER

A step is a file opened for writing, or a name that changes. Each writer is ended before each of its steps,
once where nothing is there and once where an earlier version is; after it, whatever can be seen in its place
is as it was before, or whole. After some, it writes again, two hours later, and the place is as if
nothing had been killed. Prints what was wrong, and the number of steps of each writer, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.conftest import make_tiny_clip
from tests.engine.training.grounder.test_training import recipe as grounding_recipe
from tests.service.killing import Watch, is_killed, within
from vlclip.engine.disk import write_whole
from vlclip.engine.encoding.lookup import make_lookup, save_lookup
from vlclip.engine.encoding.onnx_clip import IMAGE_GRAPH, TEXT_GRAPH
from vlclip.engine.grounding import export as grounder_export
from vlclip.engine.training.grounder.model import export_grounder, new_model
from vlclip.engine.training.grounder.training import start_grounder
from vlclip.engine.training.recipe import Recipe
from vlclip.engine.training.run import CHECKPOINT, export, start
from vlclip.ingestion.datasets import composed
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ranking.experiments.table import write_table
from vlclip.service.settings import Settings

AGAIN = 6
"""After so many steps it writes again."""
NAMES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
Writer = Callable[[Path, int], None]
"""Writes into a folder the first or the second version of something."""


def is_step(event: str, arguments: tuple[Any, ...], place: str) -> bool:
    """Whether an event of Python's audit changes something in `place`."""
    if not arguments or not str(arguments[0]).startswith(place):
        return False
    return event in NAMES or (event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)))


def watching(place: Path) -> Watch:
    """The steps in a folder."""

    def watch(meet: Callable[[], None]) -> None:
        sys.addaudithook(lambda event, arguments: meet() if is_step(event, arguments, str(place)) else None)

    return watch


def seen_in(place: Path) -> dict[str, dict[str, str]]:
    """The files of each entry that is not hidden, with their contents' hashes."""
    return {
        entry.name: {
            str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (entry, *entry.rglob("*"))
            if path.is_file()
        }
        for entry in place.iterdir()
        if not entry.name.startswith(".")
    }


def hours_pass(place: Path) -> None:
    before = time.time() - 7200
    for path in place.rglob("*"):
        os.utime(path, (before, before))


def killed_everywhere(write: Writer, folder: Path) -> Iterator[str]:
    """What is wrong at each step, "" where nothing is."""
    empty, first, second = (folder / name for name in ("empty", "first", "second"))
    empty.mkdir()
    for place, versions in ((first, (0,)), (second, (0, 1))):
        place.mkdir()
        for version in versions:
            within(lambda: write(place, version))  # noqa: B023
    for original, version, target in ((empty, 0, first), (first, 1, second)):
        before, after = seen_in(original), seen_in(target)
        for step in range(1, 1000):
            place = folder / "place"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(original, place)
            if not is_killed(lambda: write(place, version), step, watching(place)):  # noqa: B023
                break
            there = seen_in(place)
            for name in {*before, *after, *there}:
                may_be_absent = name not in before or (place.parent / "first" / name).is_dir()
                if there.get(name) not in (before.get(name), after.get(name), None if may_be_absent else 0):
                    yield f"version {version}, step {step}: {name} is neither as before nor whole"
            yield ""
            if step % AGAIN:
                continue
            hours_pass(place)
            within(lambda: write(place, version))  # noqa: B023
            if seen_in(place) != after:
                yield f"version {version}, step {step}: written again, it is not whole"
            if left := [str(path) for path in place.rglob(".*")]:
                yield f"version {version}, step {step}: written again, {left} are left"


def writers(material: Path) -> dict[str, Writer]:
    """Every way to write a folder, and those of files that differ."""
    clips = [make_tiny_clip(material / f"clip-{seed}", seed) for seed in (0, 1)]
    clip_runs = [material / f"clip-run-{number}" for number in (0, 1)]
    grounder_runs = [material / f"grounder-run-{number}" for number in (0, 1)]
    drawn = [write_catalogue(material / f"drawn-{seed}", 8, seed) for seed in (0, 1)]
    for number in (0, 1):
        start(clip_runs[number], Recipe(init=str(clips[number]), epochs=1, batch=4, lr=1e-4), [])
        plan = grounding_recipe(steps=1, naming_steps=0, seed=number)
        start_grounder(grounder_runs[number], plan, ["red shoes", "blue hats"])
        torch.manual_seed(number)
        weights = new_model(grounder_runs[number], plan)[0].state_dict()
        torch.save({"model": weights}, grounder_runs[number] / CHECKPOINT)
    export_grounder(grounder_runs[0], material / "grounder")  # what it imports is there in each fork
    composed.SHARD = 5

    def add_graphs(folder: Path) -> None:
        for name in (IMAGE_GRAPH, TEXT_GRAPH):
            write_whole(folder / name, f"the graph {name}")

    def write_run(place: Path, version: int) -> None:
        shutil.copyfile(clip_runs[version] / CHECKPOINT, place / ".checkpoint")
        (place / ".checkpoint").replace(place / CHECKPOINT)
        export(place, place, finish=add_graphs)

    def write_exported(place: Path, version: int) -> None:
        if not (place / f"model-{version}").exists():  # it replaces nothing
            grounder_export.export_grounder("vlclip-grounder", place / f"model-{version}")

    grounder_export.load_transformers = lambda *_: (None, None)
    grounder_export.write_grounder_graph = lambda _, folder: add_graphs(folder)
    vectors = np.eye(3, dtype=np.float32)
    return {
        "the model of a run": lambda place, version: export(
            clip_runs[version], place / "model", finish=add_graphs
        ),
        "the model in its run": write_run,
        "the grounder of a run": lambda place, version: export_grounder(
            grounder_runs[version], place / "model"
        ),
        "an exported model": write_exported,
        "a lookup": lambda place, version: save_lookup(
            make_lookup(["a", "b", "c"], vectors, {"version": version}), place / "lookup"
        ),
        "a composed catalogue": lambda place, version: (
            composed.compose_catalogue(
                composed.CompositionPlan(str(drawn[version]), [], clutter=False, seed=version),
                place,
                Settings(),
            )
            and None
        ),
        "a table": lambda place, version: (
            write_table(place / "lists.parquet", [[]], ["a"] * version) and None
        ),
        "a file": lambda place, version: write_whole(place / "arm.toml", f"version {version}"),
    }  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "material").mkdir()
    steps: dict[str, int] = {}
    wrong: list[str] = []
    for number, (name, write) in enumerate(writers(folder / "material").items()):
        place = folder / str(number)
        place.mkdir()
        verdicts = list(killed_everywhere(write, place))
        steps[name] = verdicts.count("")
        wrong += [f"{name}, {verdict}" for verdict in verdicts if verdict]
    sys.stdout.write(json.dumps({"steps": steps, "wrong": wrong}) + "\n")


if __name__ == "__main__":
    main()
