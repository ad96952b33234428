"""A replay as a page to hand on: one HTML file with its pictures in it, that loads nothing and runs nothing.

Laws (tests/service/reports/test_replay.py):
- the file needs nothing else: no script, no address of another file;
- whatever the log's names and texts hold, they are shown as text;
- equal reports give equal files;
- without matplotlib its tables are all there, and a line says how to get the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vlclip.engine.disk import write_whole
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.replay.report import ArmReplay, ReplayReport
from vlclip.ranking.statistics.bootstrap import Figure
from vlclip.service.reports import formats
from vlclip.service.reports.replay import words

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters["whole"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")


def write_replay_page(report: ReplayReport, path: Path) -> None:
    """Write the page to `path`; parents are made. `EvaluationError` where it cannot be written."""
    page = replay_page(report)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, page)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror}); name another file") from None


def replay_page(report: ReplayReport) -> str:
    """The page as HTML."""
    plots = _plots()
    digits = formats.decimals_of(report.observed)
    calibrations = [(model, Markup(plots.calibration_picture(model))) for model in report.calibrations]  # noqa: S704 - ours
    return _PAGES.get_template("replay.html.j2").render(
        report=report,
        answer=words.answer(report),
        counted=words.counted(report),
        about=words.about_log(report),
        marks=words.MARKS,
        day=formats.format_day,
        short=formats.format_magnitude,
        share=formats.format_share,
        parameters=words.format_parameters,
        estimate_of=words.estimate_of,
        uplift_of=words.uplift_of,
        decimals=formats.decimals_of,
        value=lambda number, of=digits: formats.format_number(number, of),
        change=lambda number, of=digits: formats.format_number(number, of, sign=True),
        span=lambda figure, of=digits: formats.format_interval(figure, of),
        rise=lambda figure, of=digits: formats.format_interval(figure, of, sign=True),
        interval=Figure,
        unknown=words.NOTHING,
        assumptions=_assumptions(report),
        lacks_pictures=isinstance(plots, _NoPlots),
        uplifts=Markup(plots.uplift_picture(report)),  # noqa: S704
        positions=Markup(plots.positions_picture(report.rate_by_position))  # noqa: S704
        if report.rate_by_position
        else "",
        calibrations=calibrations,
        arms=[_arm(report, model, plots, digits) for model in report.arms],
    )


class _NoPlots:
    """In place of pictures, where matplotlib is not installed."""

    def __getattr__(self, name: str) -> Callable[..., str]:
        return lambda *_: ""


def _plots() -> Any:
    try:
        from vlclip.service.reports.replay import plots  # noqa: PLC0415 - a second of loading that few commands need
    except ModuleNotFoundError:  # matplotlib is an extra
        return _NoPlots()
    return plots


def _arm(report: ReplayReport, arm: ArmReplay, plots: Any, digits: int) -> dict[str, Any]:
    """An arm with its pictures."""
    cuts = groupby(arm.slices, key=lambda part: part.by)
    return {
        "replay": arm,
        "called": words.called(report, arm),
        "level": arm.verdict.level,
        "estimates": Markup(plots.estimates_picture(report, arm)),  # noqa: S704
        "weights": Markup(plots.weights_picture(arm.arm, arm.weights)),  # noqa: S704
        "slices": [(by, Markup(plots.slices_picture(by, list(parts), digits))) for by, parts in cuts],  # noqa: S704
    }


def _assumptions(report: ReplayReport) -> Mapping[str, str]:
    """What each estimator assumes, once for all arms."""
    return {estimate.estimator: estimate.assumes for arm in report.arms for estimate in arm.estimates}
