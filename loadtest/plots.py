"""Pictures of a run over time as inline SVG, which load nothing from any other site.

Laws (tests/loadtest/test_plots.py):
- numbers at an axis are plain, in a narrow range as in a wide one;
- there is no picture of times if nothing was answered;
- all pictures show the whole run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import LogFormatter

from vlclip.loadtest.report import Report

INK, FAINT, FIRST, SECOND, THIRD = "#22252a", "#85888d", "#2a5a9e", "#b46f22", "#8a2f4f"
STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "font.size": 10, "text.color": INK, "axes.labelcolor": INK,
    "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "axes.formatter.useoffset": False, "legend.frameon": False,
}  # fmt: skip
LEGEND: dict[str, Any] = {"ncols": 3, "loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
"""Above the picture, so that it lies on no line."""
NOTHING = float("nan")


def pictures(report: Report) -> dict[str, str]:
    """SVG by title: times where there are any, rate, users, and memory where it was watched."""
    at = [point.at_s for point in report.series]

    def times(axis: Any) -> None:
        for name, colour in (("p50_ms", FIRST), ("p95_ms", SECOND), ("p99_ms", THIRD)):
            values = [getattr(point, name) or NOTHING for point in report.series]
            axis.plot(at, values, color=colour, linewidth=1.4, label=name.removesuffix("_ms"))
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))  # fewer where it is wide
        axis.set_ylabel("ms")
        axis.legend(**LEGEND)

    def rates(axis: Any) -> None:
        axis.plot(at, [point.requests_per_s for point in report.series], color=FIRST, label="requests")
        axis.plot(at, [point.errors_per_s for point in report.series], color=THIRD, label="errors")
        axis.set_ylim(bottom=0)
        axis.set_ylabel("a second")
        axis.legend(**LEGEND)

    def users(axis: Any) -> None:
        axis.step([at for at, _ in report.levels], [count for _, count in report.levels], color=FIRST)
        axis.set_ylim(bottom=0)
        axis.set_ylabel("users")

    def memory(axis: Any) -> None:
        axis.plot([at for at, _ in report.memory], [mb for _, mb in report.memory], color=FIRST)
        axis.set_ylabel("MB")

    panels = {"Times": times, "Rate": rates, "Users": users}
    if not any(point.p50_ms for point in report.series):
        del panels["Times"]
    if report.memory:
        panels["Memory of the server"] = memory
    return {title: _picture(title, draw, report.seconds) for title, draw in panels.items()}


def _picture(title: str, draw: Callable[[Any], None], seconds: float) -> str:
    # the names inside a picture are hashes: its title keeps them apart from those of the others
    with mpl.rc_context(STYLE | {"svg.hashsalt": title}):
        drawing = Drawing(figsize=(8, 2.4), layout="constrained")
        axis = drawing.add_subplot()
        axis.grid(visible=True, color=FAINT, alpha=0.25, linewidth=0.6)
        draw(axis)
        axis.set_xlabel("seconds")
        axis.set_xlim(0, max(1.0, seconds))
        written = StringIO()
        drawing.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    box, body = re.findall(r'<svg[^>]* (viewBox="[^"]*")[^>]*>(.*)', written.getvalue(), flags=re.DOTALL)[0]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]*|font: (\d+)px [^;\"]*", r"font-size: \1px", body)
    return f'<svg {box} role="img" aria-label="{escape(title)}">{body.replace("xlink:href", "href")}'
