"""Findings about a log and its estimates, and the verdict: whether the log can answer at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "careful", "refused"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its `code`, how bad it is, and a sentence that says what to do."""

    code: str
    level: Level
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings about one arm's estimates; `level` is the worst of them."""

    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst level of any finding."""
        levels: tuple[Level, ...] = ("refused", "careful")
        return next(
            (level for level in levels if any(finding.level == level for finding in self.findings)), "ok"
        )
