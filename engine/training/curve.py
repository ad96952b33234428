"""The loss curve of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vlclip.engine.disk import whole_file


def draw_curve(history: Sequence[dict[str, float]], path: Path) -> None:
    """Loss per epoch, and HITS@5 where pairs were held back, to a PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of loading that few commands need

    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.add_subplot()
    epochs = [row["epoch"] for row in history]
    axis.plot(epochs, [row["loss"] for row in history], color="tab:blue", label="training loss")
    axis.set_xlabel("epoch")
    axis.set_ylabel("loss", color="tab:blue")
    if all("hits@5" in row for row in history):
        second_axis = axis.twinx()
        second_axis.plot(epochs, [row["hits@5"] for row in history], color="tab:orange")
        second_axis.set_ylabel("HITS@5, held-out titles to photos", color="tab:orange")
        second_axis.set_ylim(0)
    with whole_file(path, "wb") as file:
        figure.savefig(file, dpi=120, format="png")
