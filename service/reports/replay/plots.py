"""A replay's pictures as SVG for a page: they take the page's colours, light or dark, and its font.

Narrow, so that a phone shows them with readable letters. Nothing in them depends on the time or on chance.

Laws (tests/service/reports/test_replay.py):
- equal reports give equal pictures;
- whatever the log's names hold, they are text in the picture and nothing else.
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
from vlclip.service.reports.replay.words import MARKS, called, counted, decimals, number, uplift_of

WIDTH = 5.0
"""Inches, of 72 units of the picture: 360 units, as wide as a phone."""
LINE = 0.3
"""Inches of height for a line with a name."""
INK, FAINT, ACCENT, SECOND = "#22252a", "#85888d", "#2a5a9e", "#b46f22"
PAGE_COLOURS = {INK: "var(--ink)", FAINT: "var(--edge)", ACCENT: "var(--accent)", SECOND: "var(--second)"}
"""What a colour is on the page, which has another one in the dark."""
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
"""Times the width of what matters, the most a picture shows to each side of it."""


def uplift_picture(report: ReplayReport) -> str:
    """Each arm's uplift by the estimator to look at first, a line at nothing gained."""
    arms = report.arms
    rises = [uplift_of(one) for one in arms]
    levels = [one.verdict.level for one in arms]
    sure = [rise for rise, level in zip(rises, levels, strict=True) if level != "refused"]
    lines = "; ".join(
        f"{one.arm} {_said(rise, decimals(report.observed), sign=True)}, {one.verdict.level}"
        for one, rise in zip(arms, rises, strict=True)
    )

    def draw(axis: Any) -> None:
        names = [f"{called(report, one)} {MARKS[one.verdict.level]}" for one in arms]
        _whiskers(axis, names, rises, _limits(sure or rises, rises, 0.0), levels=levels)
        axis.axvline(0, color=INK, linewidth=1, linestyle="--")
        axis.set_xlabel(f"more {counted(report)} than logged")

    return _picture(f"Uplift of each arm: {lines}", draw, height=0.75 + LINE * len(arms))


def estimates_picture(report: ReplayReport, arm: ArmReplay) -> str:
    """An arm by every estimator, the observed mean as a line; all arms are drawn on one scale."""
    found = {one.estimator: Figure(one.value, one.low, one.high) for one in arm.estimates}
    trusted = [
        Figure(one.value, one.low, one.high)
        for each in report.arms
        for one in each.estimates
        if one.estimator == each.best and each.verdict.level != "refused"
    ]
    every = [Figure(one.value, one.low, one.high) for each in report.arms for one in each.estimates]
    limits = _limits([report.observed, *trusted], every, report.observed.value)
    lines = "; ".join(f"{name} {_said(one, decimals(report.observed))}" for name, one in found.items())

    def draw(axis: Any) -> None:
        names = [f"{name} ★" if name == arm.best else name for name in found]
        _whiskers(axis, names, list(found.values()), limits)
        axis.axvline(report.observed.value, color=SECOND, linewidth=1.2, linestyle="--")
        axis.axvspan(report.observed.low, report.observed.high, color=SECOND, alpha=0.15, linewidth=0)
        axis.set_xlabel(counted(report))

    return _picture(
        f"{arm.arm} by estimator, observed {_said(report.observed, decimals(report.observed))}: {lines}",
        draw, height=0.75 + LINE * len(found),
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
    """What came of each place of a list, whoever stood there."""
    places = [place for place, _, _ in rates]
    found = [one for _, _, one in rates]
    first = f", {found[0].value:.3g} at place {places[0]}, {found[-1].value:.3g} at place {places[-1]}"

    def draw(axis: Any) -> None:
        _upright(axis, places, found, ACCENT)
        axis.set_ylim(bottom=0)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel("place in the list")
        axis.set_ylabel("rate")

    return _picture(f"Rate by place{first}", draw, height=2.3)


def slices_picture(by: str, parts: Sequence[Slice], digits: int) -> str:
    """An arm's uplift in each part of the log: days as time goes, all else a line each."""
    rises = [one.uplift for one in parts]
    lines = "; ".join(
        f"{one.name} {_said(one.uplift, digits, sign=True)} of {one.lists:,} lists" for one in parts
    )
    days = [_day(one.name) for one in parts]
    if len(parts) > 1 and all(days):

        def draw_days(axis: Any) -> None:
            _upright(axis, days, rises, ACCENT)
            axis.axhline(0, color=INK, linewidth=1, linestyle="--")
            axis.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=5))
            axis.xaxis.set_major_formatter(dates.DateFormatter("%d %b"))
            axis.set_ylabel("uplift")

        return _picture(f"Uplift by {by}: {lines}", draw_days, height=2.2)

    def draw(axis: Any) -> None:
        names = [f"{_cut(one.name)} ({one.lists:,})" for one in parts]
        _whiskers(axis, names, rises, _limits(rises, rises, 0.0))
        axis.axvline(0, color=INK, linewidth=1, linestyle="--")
        axis.set_xlabel("uplift")

    return _picture(f"Uplift by {by}: {lines}", draw, height=0.75 + LINE * len(parts))


def calibration_picture(model: Calibration) -> str:
    """What a model told beside what was seen; on the line it would be right."""

    def draw(axis: Any) -> None:
        top = max(
            [
                *model.predicted,
                *(one.high if isfinite(one.high) else one.value for one in model.observed),
                1e-9,
            ]
        )
        axis.plot([0, top], [0, top], color=FAINT, linewidth=1, linestyle="--")
        _upright(axis, model.predicted, model.observed, ACCENT)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.locator_params(axis="x", nbins=5)
        axis.set_xlabel("told")
        axis.set_ylabel("seen")

    pairs = "; ".join(
        f"told {told:.3g}, seen {seen.value:.3g}"
        for told, seen in zip(model.predicted, model.observed, strict=True)
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
    for row, one in enumerate(figures):
        marker = MARKERS[levels[row]] if levels else "o"
        filled = ACCENT if marker == "o" else "none" if marker == "D" else INK
        edge = INK if marker == "X" else ACCENT
        if isfinite(one.low) and isfinite(one.high):
            axis.plot([max(one.low, left), min(one.high, right)], [row, row], color=edge, linewidth=1.6)
            for beyond, at, arrow in ((one.low < left, left, "<"), (one.high > right, right, ">")):
                if beyond:
                    axis.plot([at], [row], marker=arrow, color=edge, markersize=6, clip_on=False)
        if left <= one.value <= right:
            axis.plot(
                [one.value], [row], marker=marker, markersize=7, markerfacecolor=filled,
                markeredgecolor=edge, markeredgewidth=1.4, linestyle="none",
            )  # fmt: skip
        elif not isfinite(one.value):
            axis.text(left, row, " not known", va="center", fontsize=10)
    axis.set_yticks(range(len(names)), [_cut(name) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlim(left, right)
    axis.tick_params(axis="y", length=0, pad=7)
    axis.spines["left"].set_visible(False)
    axis.locator_params(axis="x", nbins=5)


def _upright(axis: Any, places: Sequence[Any], figures: Sequence[Figure], colour: str) -> None:
    """Dots with whiskers from left to right; an interval that is not known has no whisker."""
    values = [one.value for one in figures]
    axis.plot(places, values, marker="o", markersize=4.5, color=colour, linewidth=1)
    known = [
        (place, one)
        for place, one in zip(places, figures, strict=True)
        if isfinite(one.low) and isfinite(one.high)
    ]
    axis.vlines(
        [place for place, _ in known], [one.low for _, one in known], [one.high for _, one in known],
        color=colour, linewidth=1.6,
    )  # fmt: skip
    axis.locator_params(axis="y", nbins=5)


def _limits(sure: Sequence[Figure], every: Sequence[Figure], line: float) -> tuple[float, float]:
    """From where to where: all that is sure and the line, and of the rest as much as leaves that readable."""
    ends = [end for one in sure for end in (one.value, one.low, one.high) if isfinite(end)] + [line]
    low, high = min(ends), max(ends)
    width = (high - low) or abs(high) or 1.0
    others = [end for one in every for end in (one.value, one.low, one.high) if isfinite(end)]
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


def _said(figure: Figure, digits: int, *, sign: bool = False) -> str:
    low, high = (number(end, digits, sign=sign) for end in (figure.low, figure.high))
    return f"{number(figure.value, digits, sign=sign)} ({low} to {high})"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _day(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
