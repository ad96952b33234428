"""A replay's pictures as SVG for a page: they take the page's colours, light or dark, and its font.

Narrow, so that a phone shows them with readable letters. Nothing in them depends on the time or on chance.

Laws (tests/service/reports/test_replay.py):
- equal reports give equal pictures;
- names from the log are text in the picture, whatever they hold.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from io import StringIO
from math import isfinite
from typing import Any

import matplotlib as mpl
from matplotlib import dates, ticker
from matplotlib.figure import Figure as Drawing

from vlclip.ranking.evaluation.click_models.calibration import Calibration
from vlclip.ranking.evaluation.off_policy.verdict import Level
from vlclip.ranking.evaluation.replay.report import ArmReplay, Histogram, ReplayReport, Slice
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports.formats import (
    decimals_of,
    format_figure,
)
from vlclip.service.reports.replay.words import (
    MARKS,
    called,
    counted,
    uplift_of,
)

WIDTH = 5.0
"""Inches, of 72 units of the picture: 360 units, as wide as a phone."""
LINE = 0.3
"""Inches of height for a line with a name."""
INK, FAINT, ACCENT, SECOND = "#22252a", "#85888d", "#2a5a9e", "#b46f22"
PAGE_COLOURS = {INK: "var(--ink)", FAINT: "var(--edge)", ACCENT: "var(--accent)", SECOND: "var(--second)"}
"""The page's name of each colour, which differs in the dark."""
STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "font.size": 11, "axes.labelsize": 11,
    "xtick.labelsize": 10, "ytick.labelsize": 10.5, "text.color": INK, "axes.labelcolor": INK,
    "axes.edgecolor": FAINT, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False, "text.parse_math": False,
    "axes.formatter.useoffset": False, "xaxis.labellocation": "right",
}  # fmt: skip
MARKERS: dict[Level, str] = {"ok": "o", "careful": "D", "refused": "X"}
LONGEST = 26
"""Characters of a name in a picture."""
ROOM = 1.5
"""How far a picture reaches beyond its sure figures on each side, in widths of these."""


def uplift_picture(report: ReplayReport) -> str:
    """Each arm's uplift by the estimator to look at first, a line at nothing gained."""
    arms = report.arms
    rises = [uplift_of(arm) for arm in arms]
    levels = [arm.verdict.level for arm in arms]
    sure = [rise for rise, level in zip(rises, levels, strict=True) if level != "refused"]
    lines = "; ".join(
        f"{arm.arm} {format_figure(rise, decimals_of(report.observed), sign=True)}, {arm.verdict.level}"
        for arm, rise in zip(arms, rises, strict=True)
    )

    def draw(axis: Any) -> None:
        names = [f"{called(report, arm)} {MARKS[arm.verdict.level]}" for arm in arms]
        _whiskers(axis, names, rises, _limits(sure or rises, rises, 0.0), levels=levels)
        axis.axvline(0, color=INK, linewidth=1, linestyle="--")
        axis.set_xlabel(f"more {counted(report)} than logged")

    return _picture(f"Uplift of each arm: {lines}", draw, height=0.75 + LINE * len(arms))


def estimates_picture(report: ReplayReport, arm: ArmReplay) -> str:
    """An arm by every estimator, the observed mean as a line; all arms are drawn on one scale."""
    figures = {
        estimate.estimator: Figure(estimate.value, estimate.low, estimate.high) for estimate in arm.estimates
    }
    trusted = [
        Figure(estimate.value, estimate.low, estimate.high)
        for each in report.arms
        for estimate in each.estimates
        if estimate.estimator == each.best and each.verdict.level != "refused"
    ]
    every = [
        Figure(estimate.value, estimate.low, estimate.high)
        for each in report.arms
        for estimate in each.estimates
    ]
    limits = _limits([report.observed, *trusted], every, report.observed.value)
    lines = "; ".join(
        f"{name} {format_figure(estimate, decimals_of(report.observed))}"
        for name, estimate in figures.items()
    )

    def draw(axis: Any) -> None:
        names = [f"{name} ★" if name == arm.best else name for name in figures]
        _whiskers(axis, names, list(figures.values()), limits)
        axis.axvline(report.observed.value, color=SECOND, linewidth=1.2, linestyle="--")
        axis.axvspan(report.observed.low, report.observed.high, color=SECOND, alpha=0.15, linewidth=0)
        axis.set_xlabel(counted(report))

    observed = format_figure(report.observed, decimals_of(report.observed))
    return _picture(
        f"{arm.arm} by estimator, observed {observed}: {lines}",
        draw, height=0.75 + LINE * len(figures),
    )  # fmt: skip


def weights_picture(arm: str, weights: Histogram) -> str:
    """How many importance weights lie between each two edges, on a logarithmic scale."""
    edges, counts = weights.edges, weights.counts
    largest = f"the last up to {edges[-1]:.3g}" if edges else "none"

    def draw(axis: Any) -> None:
        axis.bar(range(len(counts)), counts, width=1, align="edge", color=ACCENT, edgecolor="none")
        axis.set_yscale("log")
        axis.set_ylim(0.7, 2 * max([*counts, 1]))
        axis.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        axis.yaxis.set_minor_formatter(ticker.NullFormatter())
        every = max(1, -(-len(edges) // 8))
        ticks = range(0, len(edges), every)
        axis.set_xticks(list(ticks), [f"{edges[tick]:.2g}" for tick in ticks])
        axis.set_xlabel("importance weight")
        axis.set_ylabel("rows")

    return _picture(f"Weights of {arm}: {sum(counts):,} in {len(counts)} bins, {largest}", draw, height=2.1)


def positions_picture(rates: Sequence[tuple[int, int, Figure]]) -> str:
    """The rate at each place of a list, whatever item stood there."""
    places = [place for place, _, _ in rates]
    figures = [figure for _, _, figure in rates]
    first = f", {figures[0].value:.3g} at place {places[0]}, {figures[-1].value:.3g} at place {places[-1]}"

    def draw(axis: Any) -> None:
        _upright(axis, places, figures, ACCENT)
        axis.set_ylim(bottom=0)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel("place in the list")
        axis.set_ylabel("rate")

    return _picture(f"Rate by place{first}", draw, height=2.3)


def slices_picture(by: str, parts: Sequence[Slice], digits: int) -> str:
    """An arm's uplift in each part of the log: days from left to right, other parts one line each."""
    rises = [part.uplift for part in parts]
    lines = "; ".join(
        f"{part.name} {format_figure(part.uplift, digits, sign=True)} of {part.lists:,} lists"
        for part in parts
    )
    days = [_day(part.name) for part in parts]
    if len(parts) > 1 and all(days):

        def draw_days(axis: Any) -> None:
            _upright(axis, days, rises, ACCENT)
            axis.axhline(0, color=INK, linewidth=1, linestyle="--")
            axis.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=5))
            axis.xaxis.set_major_formatter(dates.DateFormatter("%d %b"))
            axis.set_ylabel("uplift")

        return _picture(f"Uplift by {by}: {lines}", draw_days, height=2.2)

    def draw(axis: Any) -> None:
        names = [f"{_shorten(part.name)} ({part.lists:,})" for part in parts]
        _whiskers(axis, names, rises, _limits(rises, rises, 0.0))
        axis.axvline(0, color=INK, linewidth=1, linestyle="--")
        axis.set_xlabel("uplift")

    return _picture(f"Uplift by {by}: {lines}", draw, height=0.75 + LINE * len(parts))


def calibration_picture(model: Calibration) -> str:
    """Expected beside observed rates of a model; a model that is right lies on the line."""

    def draw(axis: Any) -> None:
        top = max(
            [
                *model.predicted,
                *(figure.high if isfinite(figure.high) else figure.value for figure in model.observed),
                1e-9,
            ]
        )
        axis.plot([0, top], [0, top], color=FAINT, linewidth=1, linestyle="--")
        _upright(axis, model.predicted, model.observed, ACCENT)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.locator_params(axis="x", nbins=5)
        axis.set_xlabel("expected")
        axis.set_ylabel("observed")

    pairs = "; ".join(
        f"expected {expected:.3g}, observed {observed.value:.3g}"
        for expected, observed in zip(model.predicted, model.observed, strict=True)
    )
    return _picture(f"Calibration of {model.model}: {pairs}", draw, height=2.6)


def _whiskers(
    axis: Any,
    names: Sequence[str],
    figures: Sequence[Figure],
    limits: tuple[float, float],
    *,
    levels: Sequence[Level] = (),
) -> None:
    """A line for each figure, the first on top; what lies outside the limits is an arrow at the edge."""
    left, right = limits
    for row, figure in enumerate(figures):
        marker = MARKERS[levels[row]] if levels else "o"
        filled = ACCENT if marker == "o" else "none" if marker == "D" else INK
        edge = INK if marker == "X" else ACCENT
        if isfinite(figure.low) and isfinite(figure.high):
            axis.plot([max(figure.low, left), min(figure.high, right)], [row, row], color=edge, linewidth=1.6)
            for beyond, at, arrow in ((figure.low < left, left, "<"), (figure.high > right, right, ">")):
                if beyond:
                    axis.plot([at], [row], marker=arrow, color=edge, markersize=6, clip_on=False)
        if left <= figure.value <= right:
            axis.plot(
                [figure.value], [row], marker=marker, markersize=7, markerfacecolor=filled,
                markeredgecolor=edge, markeredgewidth=1.4, linestyle="none",
            )  # fmt: skip
        elif not isfinite(figure.value):
            axis.text(left, row, " not known", va="center", fontsize=10)
    axis.set_yticks(range(len(names)), [_shorten(name) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlim(left, right)
    axis.tick_params(axis="y", length=0, pad=7)
    axis.spines["left"].set_visible(False)
    axis.locator_params(axis="x", nbins=5)


def _upright(axis: Any, places: Sequence[Any], figures: Sequence[Figure], colour: str) -> None:
    """Dots with whiskers from left to right; an interval that is not known has no whisker."""
    values = [figure.value for figure in figures]
    axis.plot(places, values, marker="o", markersize=4.5, color=colour, linewidth=1)
    sure = [
        (place, figure)
        for place, figure in zip(places, figures, strict=True)
        if isfinite(figure.low) and isfinite(figure.high)
    ]
    axis.vlines(
        [place for place, _ in sure], [figure.low for _, figure in sure], [figure.high for _, figure in sure],
        color=colour, linewidth=1.6,
    )  # fmt: skip
    axis.locator_params(axis="y", nbins=5)


def _limits(sure: Sequence[Figure], every: Sequence[Figure], line: float) -> tuple[float, float]:
    """The range of the axis: all sure figures and the line, and as much of the others as stays readable."""
    ends = [end for figure in sure for end in (figure.value, figure.low, figure.high) if isfinite(end)] + [
        line
    ]
    low, high = min(ends), max(ends)
    width = (high - low) or abs(high) or 1.0
    others = [end for figure in every for end in (figure.value, figure.low, figure.high) if isfinite(end)]
    left = max(min([low, *others]), low - ROOM * width)
    right = min(max([high, *others]), high + ROOM * width)
    margin = 0.06 * ((right - left) or width)
    return left - margin, right + margin


def _picture(says: str, draw: Callable[[Any], None], *, height: float) -> str:
    """An inline SVG `WIDTH` wide, which says in words what it shows."""
    # the names inside a picture are hashes: its own words keep them apart from those of the others
    with mpl.rc_context(STYLE | {"svg.hashsalt": says}), warnings.catch_warnings():
        # a name in letters that the font for measuring lacks; the page's font has its own
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font", category=UserWarning)
        drawing = Drawing(figsize=(WIDTH, height), layout="constrained")
        drawing.patch.set_alpha(0)
        axis = drawing.add_subplot()
        axis.patch.set_alpha(0)
        axis.grid(visible=True, color=FAINT, alpha=0.25, linewidth=0.6)
        axis.set_axisbelow(True)
        draw(axis)
        written = StringIO()
        drawing.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    return _inline(written.getvalue(), says)


def _inline(svg: str, says: str) -> str:
    """The picture as part of a page: no prologue, no names of groups, the page's colours and font."""
    box, body = re.findall(r'<svg[^>]* (viewBox="[^"]*")[^>]*>(.*)', svg, flags=re.DOTALL)[0]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"font-family: [^;]*", "font-family: inherit", body)
    body = re.sub(r"\s*\n\s*", " ", body.replace("xlink:href", "href"))
    for colour, name in PAGE_COLOURS.items():
        body = body.replace(colour, name)
    return f'<svg {box} role="img" aria-label="{escape(says)}">{body}'


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _day(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
