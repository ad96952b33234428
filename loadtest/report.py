"""The report of a run: one JSON object, which a later run can read as its baseline."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from vlclip.loadtest.errors import BadReport
from vlclip.loadtest.figures import Figures, Point
from vlclip.loadtest.plan import Plan
from vlclip.loadtest.steps import Step
from vlclip.loadtest.termination import Termination


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run. `misses` are empty if it passed; times are seconds since 1970, or since `began`.

    `reasons` count the errors in the figures; for a run of steps, all errors. `levels` are (seconds,
    users), `memory` (seconds, MB) of a server that was started for the run.
    """

    plan: str
    plan_hash: str
    host: str
    began: float
    seconds: float
    figures: Mapping[str, Figures]
    misses: Sequence[str]
    reasons: Mapping[str, int]
    series: Sequence[Point]
    levels: Sequence[tuple[float, float]]
    limits: Mapping[str, Mapping[str, float]]
    faults: Sequence[str] = ()
    knee: float | None = None
    steps: Sequence[Step] = ()
    memory: Sequence[tuple[float, float]] = ()
    rss_growth_mb: float | None = None
    rss_slope_mb_per_h: float | None = None
    termination: Termination | None = None
    machine: str = ""

    @property
    def passed(self) -> bool:
        """Whether every threshold held."""
        return not self.misses

    def form(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {"passed": self.passed, **asdict(self)}


def limits_form(plan: Plan) -> dict[str, dict[str, float]]:
    """The limits that a plan names."""
    thresholds = plan.thresholds.model_dump(exclude_none=True)
    return {endpoint: limits for endpoint, limits in thresholds.items() if limits}


def machine() -> str:
    """The machine of the load generator; the figures are reliable only as far as it was idle."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


class _Earlier(BaseModel):
    """The fields that are read of an earlier report; others may come from another version."""

    figures: dict[str, Figures]
    knee: Annotated[float, Field(gt=0)] | None = None


def read_figures(path: Path) -> dict[str, Figures]:
    """The figures of an earlier report; `BadReport` if the file is not one."""
    return _read(path).figures


def read_knee(path: Path) -> float:
    """The knee of an earlier report; `BadReport` if it has none."""
    knee = _read(path).knee
    if knee is None:
        raise BadReport(f"{path} found no knee; give the report.json of a plan whose shape is steps")
    return knee


def _read(path: Path) -> _Earlier:
    try:
        return _Earlier.model_validate_json(path.read_bytes())
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        why = f"is no report ({where + ': ' if where else ''}{first['msg']})"
    raise BadReport(f"{path} {why}; give the report.json of an earlier run")
