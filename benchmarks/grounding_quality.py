"""How well a grounder finds what it is asked for: overlap with true boxes, on three kinds of photos.

    python benchmarks/grounding_quality.py --catalogue FOLDER [--scenes FOLDER] [--model NAME]

- composites: products of the catalogue that training keeps back, each among three others of other
  types on a busy background (`vlclip compose --split validation`);
- drawn: the project's own drawn products, of a seed no training uses;
- scenes: photos of real rooms, `images/*.jpg` with `boxes/*.txt` (`class x1 y1 x2 y2` a line); each class
  of a photo is asked for once, and any box of that class will do.

"whole photo" is what a box around everything would score. "trusted" are the answers over the rule's
threshold; "right" overlap the true box by at least a half (IoU).
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from vlclip.engine.grounding.folders import rule_from
from vlclip.engine.grounding.grounder import Box, Grounder
from vlclip.engine.grounding.loading import load_grounder
from vlclip.ingestion.datasets.composed import CompositionPlan, compose_catalogue
from vlclip.ingestion.drawn import draw_catalogue
from vlclip.ingestion.reading.catalogue import open_catalogue
from vlclip.ingestion.reading.guesses import map_columns
from vlclip.service.settings import Settings

TOGETHER = 32
DRAWN_SEED = 7


@dataclass(frozen=True, slots=True)
class Case:
    """One question: a photo, what is asked for, and the boxes that answer it."""

    photo: Image.Image
    name: str
    boxes: tuple[Box, ...]


def composites(catalogue: str, count: int) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        plan = CompositionPlan(catalogue, split="validation", limit=count)
        copy = compose_catalogue(plan, Path(folder), Settings.load())
        rows = [json.loads(line) for line in copy.truth.read_text(encoding="utf-8").splitlines()]
        truth = {row["id"]: tuple(row["box"]) for row in rows}
        written = open_catalogue(copy.catalogue)
        for entry in written.entries(map_columns(written, [])):
            if entry.item is not None and isinstance(entry.item.image, bytes):
                photo = Image.open(BytesIO(entry.item.image)).convert("RGB")
                yield Case(photo, entry.item.product_type, (truth[entry.id],))


def drawn(count: int, scene: str) -> Iterator[Case]:
    for product in draw_catalogue(count, seed=DRAWN_SEED):
        if product.scene == scene and isinstance(product.item.image, bytes):
            photo = Image.open(BytesIO(product.item.image)).convert("RGB")
            yield Case(photo, product.item.product_type, (tuple(map(float, product.box)),))  # type: ignore[arg-type]


def scenes(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "images").glob("*.jpg")):
        named: dict[str, list[Box]] = {}
        for line in (folder / "boxes" / f"{path.stem}.txt").read_text(encoding="utf-8").splitlines():
            name, *edges = line.split()
            x0, y0, x1, y1 = map(float, edges)
            named.setdefault(name, []).append((x0, y0, x1, y1))
        with Image.open(path) as image:
            photo = image.convert("RGB")
        for name, boxes in named.items():
            yield Case(photo, name, tuple(boxes))


def overlap(first: Box, other: Box) -> float:
    """IoU of two boxes."""
    wide = min(first[2], other[2]) - max(first[0], other[0])
    tall = min(first[3], other[3]) - max(first[1], other[1])
    shared = max(0.0, wide) * max(0.0, tall)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, other)]
    return shared / (sum(areas) - shared) if shared else 0.0


def judge(grounder: Grounder, cases: Iterator[Case], threshold: float) -> dict[str, float]:
    """Figures of first set."""
    hits, scores, whole = [], [], []
    part: list[Case] = []

    def look() -> None:
        answers = grounder.locate([case.photo for case in part], [case.name for case in part])
        for case, answer in zip(part, answers, strict=True):
            best = max((overlap(answer.box, box) for box in case.boxes), default=0.0) if answer else 0.0
            hits.append(best)
            scores.append(answer.score if answer else 0.0)
            everything = (0.0, 0.0, float(case.photo.width), float(case.photo.height))
            whole.append(max(overlap(everything, box) for box in case.boxes))
        part.clear()

    for case in cases:
        part.append(case)
        if len(part) == TOGETHER:
            look()
    if part:
        look()
    iou, score = np.array(hits), np.array(scores)
    trusted = score > threshold
    return {
        "n": len(iou),
        "iou": float(iou.mean()),
        "right": float((iou >= 0.5).mean()),
        "trusted": float(trusted.mean()),
        "right_of_trusted": float((iou[trusted] >= 0.5).mean()) if trusted.any() else float("nan"),
        "whole_photo": float(np.mean(whole)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--catalogue", required=True)
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("--model", default="vlclip-grounder")
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = Settings.load(grounding={"model": options.model})
    grounder = load_grounder(settings.grounding, settings.device, settings.runtime)
    if grounder is None:
        parser.error("--model names no grounder")
    threshold = rule_from(settings.grounding).threshold
    sets = {
        "composites": composites(options.catalogue, options.count),
        "drawn, cluttered": drawn(options.count, "cluttered"),
        "drawn, packshot": drawn(options.count, "packshot"),
    }
    if options.scenes is not None:
        sets["rooms"] = scenes(options.scenes)
    figures = {}
    for name, cases in sets.items():
        with closing(cases):  # type: ignore[type-var]
            figures[name] = judge(grounder, cases, threshold)
    if options.json:
        print(json.dumps({"grounder": grounder.name, "threshold": threshold, **figures}))
        return
    print(f"{grounder.name}, threshold {threshold:g}, {platform.processor() or platform.machine()}\n")
    print("| photos | n | mean IoU | right | trusted | right of trusted | whole photo, IoU |")
    print("|---|---|---|---|---|---|---|")
    for name, row in figures.items():
        print(
            f"| {name} | {row['n']:,} | {row['iou']:.3f} | {row['right']:.1%} | {row['trusted']:.1%} "
            f"| {row['right_of_trusted']:.1%} | {row['whole_photo']:.3f} |"
        )


if __name__ == "__main__":
    main()
