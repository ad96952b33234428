"""An ablation as a picture: HITS@5 of every row with its interval."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from vlclip.engine.disk import whole_file
from vlclip.engine.extras import REPORTS, needing
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.ablation.measurement import JUDGED, MODELS, PHOTOS, TEXTS, Ablation, Setup

FORMATS = (".png", ".svg", ".pdf")
NAMES = {"full": "full photo", "crop": "crop", "box": "true box"}
COLOURS = {"base": "tab:blue", "tuned": "tab:orange"}
GROUP, APART = 0.6, 0.32
"""Of a line's height: room between photos, between two models of a line."""


def check_picture(path: Path) -> None:
    """`EvaluationError` where no picture could be written to `path`."""
    if path.suffix.lower() not in FORMATS:
        raise EvaluationError(f"{path} does not end as a picture does; give one of {', '.join(FORMATS)}")
    with needing(REPORTS, "a picture of an ablation"):
        import_module("matplotlib")


def draw_ablation(table: Ablation, path: Path, *, title: str) -> None:
    """Write the picture to `path`, a .png, .svg or .pdf; parents are made."""
    check_picture(path)
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of loading that few commands need

    rows = {row.setup: row.figures[JUDGED] for row in table.rows}
    models = [model for model in MODELS if any(setup.model == model for setup in rows)]
    lines = [(photo, text) for photo in PHOTOS for text in TEXTS if Setup(photo, text, models[0]) in rows]
    places = [-(row + GROUP * PHOTOS.index(photo)) for row, (photo, _) in enumerate(lines)]
    figure = Figure(figsize=(7.5, 1.6 + 0.5 * len(lines)), layout="constrained")
    axis = figure.add_subplot()
    axis.axvline(next(iter(rows.values())).value, color="0.8", linewidth=1, zorder=0)
    for shift, model in enumerate(models):
        figures = [rows[Setup(photo, text, model)] for photo, text in lines]
        up = APART * ((len(models) - 1) / 2 - shift)
        values = [hits.value for hits in figures]
        axis.errorbar(
            values,
            [place + up for place in places],
            xerr=[[hits.value - hits.low for hits in figures], [hits.high - hits.value for hits in figures]],
            fmt="o", color=COLOURS[model], capsize=3, label=model,
        )  # fmt: skip
        for hits, place in zip(figures, places, strict=True):
            axis.annotate(
                f"{hits.value:.3f}", (hits.high, place + up), xytext=(5, 0), textcoords="offset points",
                va="center", fontsize=8, color=COLOURS[model],
            )  # fmt: skip
    axis.set_yticks(places, [f"{NAMES[photo]}, {text} text" for photo, text in lines])
    axis.set_ylim(min(places) - 0.7, max(places) + 0.7)
    axis.margins(x=0.12)
    axis.set_xlabel("HITS@5, text to own photo, with 95 % intervals")
    axis.set_title(f"{title}: {table.n:,} items", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    if len(models) > 1:
        axis.legend(frameon=False, loc="best")
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, "wb") as file:
        figure.savefig(file, dpi=130, format=path.suffix[1:].lower() or "png")
