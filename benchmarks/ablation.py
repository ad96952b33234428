"""What the crop, the refined text and tuning are each worth, on three catalogues, beside their targets.

    python benchmarks/ablation.py --catalogue fashion --grounder vlclip-grounder --tuned FOLDER

- cluttered: kept-back products of the catalogue, each among three others on a busy background;
- spoiled: the same products on their own photos, with the titles of a careless seller;
- drawn: the demo's catalogue, which has photos and titles of both kinds.

Kept back is a tenth of the ids, by their hash: no training run has seen these products, nor set them into
another's scene. What is composed and drawn depends on the catalogue and the seeds alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from vlclip.ingestion.datasets.composed import CompositionPlan, compose_catalogue
from vlclip.ingestion.drawn import write_catalogue
from vlclip.ranking.evaluation.ablation.picture import check_picture, draw_ablation
from vlclip.service.ablation.plan import AblationPlan
from vlclip.service.ablation.run import AblationReport, run_ablation
from vlclip.service.commands.ablate import ablation_settings
from vlclip.service.reports.ablation import print_report, shape
from vlclip.service.settings import Settings

SEED = 7
TARGETS = (
    ("cluttered", "gap", "raw, base", 0.70, "share of the HITS@5 gap to the true box that the crop closes"),
    ("spoiled", "refined", "full, base", 1.07, "HITS@5 of refined texts over that of raw titles"),
    ("cluttered", "tuned", "crop, refined", 1.05, "HITS@5 of the tuned model over that of the base model"),
)
"""Catalogue, step, the setting of a `Step` (ranking/evaluation/ablation), and what is to be reached."""


def sources(catalogue: str, folder: Path, items: int) -> dict[str, Path]:
    """The three catalogues, written to `folder`."""
    settings = Settings.load()
    catalogues = {
        name: compose_catalogue(
            CompositionPlan(
                catalogue, split="validation", limit=items, clutter=clutter, spoil=not clutter, seed=SEED
            ),
            folder / name,
            settings,
        ).catalogue
        for name, clutter in (("cluttered", True), ("spoiled", False))
    }  # fmt: skip
    return catalogues | {"drawn": write_catalogue(folder / "drawn", items, SEED)}


def verdicts(reports: dict[str, AblationReport]) -> list[dict[str, object]]:
    """What came out beside what was to be reached."""
    out: list[dict[str, object]] = []
    for name, change, fixed, target, says in TARGETS:
        steps = reports[name].ablation.steps if name in reports else ()
        step = next(
            (row for row in steps if (row.change, row.setting) == (change, fixed)),
            None,
        )
        if step is None:
            out.append({"on": name, "says": says, "target": target, "verdict": "not measured"})
        elif step.figure is None:
            out.append({"on": name, "says": says, "target": target, "verdict": step.why})
        else:
            figure = step.figure
            out.append({
                "on": name, "says": says, "target": target, "value": round(figure.value, 4),
                "interval": [round(figure.low, 4), round(figure.high, 4)],
                "verdict": "reached" if figure.value >= target else "missed",
            })  # fmt: skip
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalogue", required=True, help="with photos on plain ground: a file or a folder")
    parser.add_argument("--items", type=int, default=1500, help="written to each of the three")
    parser.add_argument("--limit", type=int, help="judge only the first so many of them")
    parser.add_argument("--folder", type=Path, help="where to write the three; else a temporary folder")
    parser.add_argument("--base", default="vlclip-small", help="the CLIP everything is compared with")
    parser.add_argument("--tuned", help="a CLIP tuned from it")
    parser.add_argument("--grounder", help="as in the settings, grounding.model")
    parser.add_argument("--refine", choices=("fields", "llm", "off"), help="else as vlclip ablate does")
    parser.add_argument("--only", choices=("cluttered", "spoiled", "drawn"), help="one of the three")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    arguments = parser.parse_args()
    if arguments.pictures:
        check_picture(arguments.pictures / "any.png")
    settings = ablation_settings(arguments.base, arguments.grounder, arguments.refine, arguments.device)
    console, reports = Console(), {}
    with nullcontext(arguments.folder) if arguments.folder else tempfile.TemporaryDirectory() as folder:
        for name, path in sources(arguments.catalogue, Path(folder), arguments.items).items():
            if arguments.only in {None, name}:
                question = AblationPlan(source=str(path), tuned=arguments.tuned, limit=arguments.limit)
                reports[name] = run_ablation(question, settings)
                console.rule(name)
                print_report(reports[name], console)
                if arguments.pictures:
                    draw_ablation(reports[name].ablation, arguments.pictures / f"{name}.png", title=name)
    console.rule("targets")
    results = verdicts(reports)
    for entry in results:
        text = f"{entry['value']} {entry['interval']}" if "value" in entry else ""
        print(f"{entry['on']}: {entry['says']}: {text} (target {entry['target']}): {entry['verdict']}")
    if arguments.json:
        body = {"reports": {name: shape(report) for name, report in reports.items()}, "targets": results}
        arguments.json.write_text(json.dumps(body, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
