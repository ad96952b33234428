"""Results of `vlclip import events`, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vlclip.ranking.history.intake.importing import ImportReport
from vlclip.service.reports.terminal import out

FEW = 5
"""Names that a line shows."""


def import_body(report: ImportReport, unknown: Mapping[str, int] | None) -> dict[str, Any]:
    """The report as JSON values; `unknown_items` is null where the store could not be asked."""
    return {
        "files": report.files,
        "rows": report.rows,
        "events": report.events,
        "added": report.added,
        "repeated": report.repeated,
        "older_than_retention": report.old,
        "first": _moment(report.first),
        "last": _moment(report.last),
        "left_out": dict(report.left_out.most_common()),
        "unknown_kinds": dict(report.unknown_kinds.most_common()),
        "unknown_items": None
        if unknown is None
        else {"items": len(unknown), "events": sum(unknown.values())},
        "notes": report.notes,
        "seconds": report.seconds,
    }


def print_import(report: ImportReport, unknown: Mapping[str, int] | None, retention_days: float) -> None:
    """What was read and what became of it, and what to do where something was not kept."""
    for name, columns in report.files.items():
        _say(f"{name}: {columns}")
    for note in report.notes:
        _say(note)
    rate = f", {report.events / report.seconds:,.0f} a second" if report.seconds else ""
    _say(f"{report.rows:,} rows, {report.events:,} events{rate}: {report.added:,} added")
    if report.first is not None:
        _say(f"from {_moment(report.first)} to {_moment(report.last)}")
    if report.repeated:
        _say(f"{report.repeated:,} events were there already, or are in the file more than once")
    if report.old:
        _say(
            f"{report.old:,} events are older than {retention_days:g} days and were not kept: set "
            "history.retention_days (0 keeps all) and import again"
        )
    for reason, count in report.left_out.most_common():
        _say(f"left out: {count:,} with {reason}")
    if report.unknown_kinds:
        _say(
            f"left out: {report.unknown_kinds.total():,} rows of kinds that are not ours: "
            f"{_listed(report.unknown_kinds)}; --event NAME=KIND takes them"
        )
    if unknown is None and report.items:
        _say("the store could not be asked whether it has these items")
    elif unknown:
        _say(
            f"{sum(unknown.values()):,} events are of {len(unknown):,} items that the store does not have: "
            f"{_listed(unknown)}; they are kept, for these may come later"
        )


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def _listed(counts: Mapping[str, int]) -> str:
    names = sorted(counts, key=lambda name: -counts[name])
    few = ", ".join(f"{name[:40]} ({counts[name]:,})" for name in names[:FEW])
    return few + (", …" if len(names) > FEW else "")


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
